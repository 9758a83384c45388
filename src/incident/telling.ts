import type { Detection } from '../detect/index.ts';
import { type Direction, numberOf, type Role } from './story.ts';
import { addressList } from './words.ts';

/** What a title tells of: one detection. Where many hosts did the same, hosts and times are those of all, and no measure of a single one counts. */
export interface Telling {
  readonly detection: Detection;
  readonly role: Role;
  readonly direction: Direction;
  readonly many: boolean;
  readonly peers: readonly string[];
  readonly peerCount: number;
  readonly firstMs: number;
  readonly lastMs: number;
  /** All detections of its kind in the story: their flows, their rows and a measure of theirs in sum. */
  readonly together: {
    readonly flows: number;
    readonly records: number;
    readonly sum: (name: string) => number;
  };
}

/** A measure of the detection; undefined where many hosts did the same, as it is that of one, and where it has none. */
export function measure({ detection, many }: Telling, name: string): number | undefined {
  return many ? undefined : numberOf(detection, name);
}

/** Whom it was done to, as a list that ends in a number where it is long. */
export function targets({ peers, peerCount }: Telling): string {
  return addressList(peers, peerCount);
}
