/** Times are epoch milliseconds (UTC) as a float64, which holds a microsecond exactly until the year 2255. */

/** ISO 8601 in UTC with milliseconds, as in 2021-04-01T15:55:45.785Z; 'unknown time' for a number that no calendar holds. */
export function isoTime(epochMs: number): string {
  return Math.abs(epochMs) <= 8.64e15 ? new Date(epochMs).toISOString() : 'unknown time';
}

/** A duration for people: '850 ms', '12.8 s', '4 min 5 s', '3 h 12 min', '2 d 4 h'. Negative durations read as their absolute value. */
export function humanDuration(ms: number): string {
  const abs = Math.abs(ms);
  if (abs < 1) return `${trim(abs, 3)} ms`;
  if (abs < 1000) return `${Math.round(abs)} ms`;
  if (abs < 60_000) return `${trim(abs / 1000, 1)} s`;
  const seconds = Math.round(abs / 1000);
  if (seconds < 3600) return pair(Math.floor(seconds / 60), 'min', seconds % 60, 's');
  const minutes = Math.round(seconds / 60);
  if (minutes < 1440) return pair(Math.floor(minutes / 60), 'h', minutes % 60, 'min');
  const hours = Math.round(minutes / 60);
  return pair(Math.floor(hours / 24), 'd', hours % 24, 'h');
}

function pair(a: number, unitA: string, b: number, unitB: string): string {
  return b === 0 ? `${a} ${unitA}` : `${a} ${unitA} ${b} ${unitB}`;
}

function trim(value: number, digits: number): string {
  return String(Number(value.toFixed(digits)));
}
