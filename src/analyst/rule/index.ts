import { BASELINE_RULES } from './baseline.ts';
import { BRUTE_FORCE_RULES } from './brute-force.ts';
import { CALL_RULES } from './call.ts';
import { FLOOD_RULES } from './flood.ts';
import { MISUSE_RULES } from './misuse.ts';
import { OTHER_RULE } from './other.ts';
import { OUTFLOW_RULES } from './outflow.ts';
import { RECORD_RULES } from './record.ts';
import type { Explanation } from './rule.ts';
import { SCAN_RULES } from './scan.ts';
import { STRANGE_FLOW_RULES } from './strange-flow.ts';
import { THREAT_LIST_RULES } from './threat-list.ts';

export type { Explanation, Nature } from './rule.ts';

/** The written rules; a new kind is one more entry. */
const EXPLANATIONS: readonly Explanation[] = [
  ...SCAN_RULES,
  ...BRUTE_FORCE_RULES,
  ...FLOOD_RULES,
  ...CALL_RULES,
  ...OUTFLOW_RULES,
  ...STRANGE_FLOW_RULES,
  ...MISUSE_RULES,
  ...BASELINE_RULES,
  ...RECORD_RULES,
  ...THREAT_LIST_RULES,
];

/** The entry with the longest prefix that fits, or the one for kinds without rules. */
export function explanationOf(kind: string): Explanation {
  let best = OTHER_RULE;
  for (const entry of EXPLANATIONS) {
    const fits = entry.prefix.endsWith('.') ? kind.startsWith(entry.prefix) : kind === entry.prefix;
    if (fits && entry.prefix.length > best.prefix.length) best = entry;
  }
  return best;
}
