/** Suricata's EVE log as flows. */

export type { EveAlert } from './alert.ts';
export { type EveSource, looksLikeEve, openEve } from './reader.ts';
