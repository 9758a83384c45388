import { isoTime } from '../../core/index.ts';
import type { Incident } from '../../incident/index.ts';
import type { Cited } from './knowledge.ts';
import type { Add } from './words.ts';

const CLOCK = '(?:(\\d{4}-\\d{2}-\\d{2})(?:[T ]| at ))?(\\d{2}:\\d{2}(?::\\d{2}(?:\\.\\d+)?)?)';

/** A time that is told as the beginning must be one, and one told as the end, too. */
export function checkTimes(sentence: string, incident: Incident, cited: Cited, add: Add): void {
  const spans =
    cited.detections.length > 0 || cited.flows.length === 0
      ? [incident, ...cited.detections]
      : [incident, ...cited.flows.map(({ startMs = 0, endMs = startMs }) => ({ firstMs: startMs, lastMs: endMs }))];
  const judge = (words: string, times: readonly number[], what: string): void => {
    for (const match of sentence.matchAll(new RegExp(`\\b(?:${words})\\b[^.;\\d]{0,24}${CLOCK}`, 'gi'))) {
      const clock = match[2] ?? '';
      const fits = times.some((time) => {
        const iso = isoTime(time);
        return iso.slice(11).startsWith(clock) && (match[1] === undefined || iso.startsWith(match[1]));
      });
      if (!fits) add('claim.time', `'${clock}' is not when it ${what}.`);
    }
  };
  judge(
    'began|begins|started|starts|first seen|first|since|starting|between|from',
    spans.map(({ firstMs }) => firstMs),
    'began',
  );
  judge(
    'ended|ends|stopped|finished|last seen|until|ending|lasted until|between[^.;]{0,40} and',
    spans.map(({ lastMs }) => lastMs),
    'ended',
  );
}
