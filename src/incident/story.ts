import type { Detection } from '../detect/index.ts';
import type { HostReference } from './incident.ts';

/**
 * Who stands where: `inside` a home host acts on home hosts; `outward` a home host acts on hosts outside; `inward` a host outside acts on home hosts;
 * `outside` neither side is in the home network, so either the capture is of foreign traffic or the home network is set wrong.
 */
export type Direction = 'inside' | 'outward' | 'inward' | 'outside';

const PLACE_WORDS: Readonly<Record<Direction, string>> = {
  inside: 'within the home network',
  outward: 'from the home network to outside',
  inward: 'from outside into the home network',
  outside: 'between hosts outside the home network',
};

/** Who stands where, as part of a sentence. */
export function placeWords(direction: Direction): string {
  return PLACE_WORDS[direction];
}

/** What the actor of a detection is in it: it does something (`source`), or something is done to it (`target`, `victim`). */
export type Role = 'source' | 'target' | 'victim';

/** The detections of one incident with what all rules ask of them. */
export interface Story {
  /** The strongest first; the first one gives the incident its kind. Never empty. */
  readonly detections: readonly Detection[];
  readonly lead: Detection;
  readonly actors: readonly HostReference[];
  readonly peers: readonly HostReference[];
  readonly peerCount: number;
  readonly firstMs: number;
  readonly lastMs: number;
  readonly direction: Direction;
  readonly role: Role;
  /** Behaviours of other incidents whose actor is one of these actors, sorted; opinions of a model and light findings left out. */
  readonly alsoSeen: readonly string[];
  /** Another sensor raised an alert about the actor of the leading detection and one of its peers, in the same time. */
  readonly seconded?: boolean;
}

/** A measure is a count, a time, a size or a ratio; what is negative, not finite or beyond any of these is no measure. */
const LARGEST_MEASURE = 1e15;

/** The value of a measure where it is a number that can be one: 0 to 1e15. */
export function measureNumber(value: number | string | undefined): number | undefined {
  return typeof value === 'number' && value >= 0 && value <= LARGEST_MEASURE ? value + 0 : undefined;
}

/** The number that a detection has for a measure. */
export function numberOf(detection: Detection, name: string): number | undefined {
  return measureNumber(detection.reasons.find((reason) => reason.name === name)?.value);
}

export function hasReason(detection: Detection, name: string): boolean {
  return detection.reasons.some((reason) => reason.name === name);
}

/** From the reason `flood.role`; without it an actor is a source. */
export function roleOf(detection: Pick<Detection, 'reasons'>): Role {
  const value = detection.reasons.find((reason) => reason.name === 'flood.role')?.value;
  return value === 'target' || value === 'victim' ? value : 'source';
}

/**
 * Where a detection has peers inside and outside, inside counts: that is where harm can be done. Addresses that flood a target are often
 * forged, so where the actor is the target its own place decides alone.
 */
export function directionOf(
  role: Role,
  actors: readonly Pick<HostReference, 'home'>[],
  peers: readonly Pick<HostReference, 'home'>[],
): Direction {
  // One of ours among many from outside does not make them ours.
  const actorHome = 2 * actors.filter((actor) => actor.home).length > actors.length;
  if (role !== 'source') return actorHome ? 'inward' : 'outside';
  const peerHome = peers.some((peer) => peer.home);
  if (actorHome) return peerHome || peers.length === 0 ? 'inside' : 'outward';
  return peerHome ? 'inward' : 'outside';
}
