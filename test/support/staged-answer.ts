import { honestAnswer } from './honest-answer.ts';

/** What a model without faults answers at each stage: it asks the store about the first two hosts that it sees, repeats the first answer as a note, and judges as `honestAnswer` does. */
export function stagedAnswer(system: string, text: string): unknown {
  const hosts = [...new Set(text.match(/(?<![\d.])(?:\d+\.){3}\d+(?![\d.])/g) ?? [])];
  const [host = '', peer = ''] = hosts;
  if (system.startsWith('You plan'))
    return {
      queries: [
        { name: 'top-peers', host, peer: '' },
        { name: 'services', host, peer: '' },
        { name: 'between', host, peer },
        { name: 'first-seen', host, peer: '' },
        { name: 'first-seen', host: '192.0.2.199', peer: '' },
      ],
    };
  if (system.startsWith('You sum up')) {
    const [, id = '', fact = ''] = /^(c1) (.*)$/m.exec(text) ?? [];
    return {
      notes: [
        { text: fact, cites: [id] },
        { text: `${host} sent 987,654 mails.`, cites: [id] },
      ],
    };
  }
  const answer = honestAnswer(system, text);
  const [, id = '', fact = ''] = /^(c1) (.*)$/m.exec(text) ?? [];
  return { ...answer, whyItMatters: [{ text: fact, cites: [id] }] };
}
