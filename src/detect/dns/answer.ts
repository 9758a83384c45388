import { parseAddress } from '../../wire/index.ts';

/**
 * The addresses among the answers of the column `dnsAnswers`, each as it stands: packets and EVE give a type before the data ('A 192.0.2.1, CNAME x.example'), Zeek and others
 * the data alone.
 */
export function answeredAddresses(answers: string | undefined): string[] {
  if (answers === undefined) return [];
  return answers.split(',').flatMap((answer) => {
    const text = answer.trim();
    const address = text.slice(text.lastIndexOf(' ') + 1);
    return parseAddress(address) === undefined ? [] : [address];
  });
}
