import { counted } from '../core/index.ts';
import type { ThreatLists } from '../detect/index.ts';

/** What of threat lists could not be used, each list one sentence; none without lists. */
export function threatListBlindSpots(threats: ThreatLists | undefined): string[] {
  return (threats?.lists ?? []).flatMap(({ name, wrongCount, wrong, unseen, refused }) => {
    const parts: string[] = [];
    if (wrongCount > 0) {
      const [first] = wrong;
      const why = first === undefined ? '' : ` (the first: ${first.line}: ${first.reason})`;
      parts.push(`${counted(wrongCount, 'entry', 'entries')} could not be read${why}`);
    }
    if (unseen > 0)
      parts.push(`${counted(unseen, 'entry', 'entries')} of kinds that flows do not show, or not meant for detection`);
    if (refused > 0) parts.push(`no room for ${counted(refused, 'entry', 'entries')}`);
    return parts.length === 0 ? [] : [`Of the threat list ${name} not all was used: ${parts.join('; ')}.`];
  });
}
