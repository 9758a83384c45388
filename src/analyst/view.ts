import { capitalised, humanDuration, isoTime } from '../core/index.ts';
import {
  addressLabel,
  type Direction,
  directionOf,
  type Evidence,
  type Incident,
  type IncidentDetection,
  measureNumber,
  type Role,
} from '../incident/index.ts';
import type { Claim } from './verdict.ts';

type Measure = Extract<Evidence, { type: 'measure' }>;

/** One detection of an incident as the written rules look at it: its measures by name, and the ids to cite for them. */
export class View {
  readonly incident: Incident;
  readonly detection: IncidentDetection;
  readonly direction: Direction;
  readonly role: Role;
  #measures: ReadonlyMap<string, Measure>;

  constructor(incident: Incident, detection: IncidentDetection) {
    this.incident = incident;
    this.detection = detection;
    const measures = incident.evidence.filter((item) => item.type === 'measure' && item.detection === detection.id);
    this.#measures = new Map(measures.flatMap((item) => (item.type === 'measure' ? [[item.name, item]] : [])));
    const role = this.text('flood.role');
    this.role = role === 'target' || role === 'victim' ? role : 'source';
    this.direction = directionOf(this.role, incident.actors, incident.peers);
  }

  /** The value of a measure where it is a number that can be one. */
  number(name: string): number | undefined {
    return measureNumber(this.#measures.get(name)?.value);
  }

  text(name: string): string | undefined {
    const value = this.#measures.get(name)?.value;
    return typeof value === 'string' ? value : undefined;
  }

  has(name: string): boolean {
    return this.#measures.has(name);
  }

  /** The id of the detection and of those of the named measures that it has. */
  cite(...names: string[]): string[] {
    return [this.detection.id, ...names.flatMap((name) => this.#measures.get(name)?.id ?? [])];
  }

  /** The sentence that the detector wrote for a measure, as a claim of its own. */
  quote(name: string): Claim[] {
    const measure = this.#measures.get(name);
    return measure === undefined ? [] : [{ text: measure.sentence, cites: [measure.id, this.detection.id] }];
  }

  /** The measures in the detector's order. */
  get measureNames(): readonly string[] {
    return [...this.#measures.keys()];
  }

  /** Ids of the first flows of the detection, or of its rows. */
  flows(most = 3): string[] {
    return this.detection.evidence.filter((id) => id.startsWith('f') || id.startsWith('r')).slice(0, most);
  }

  get many(): boolean {
    return this.incident.actors.length > 1;
  }

  /** '10.0.0.5, a host of your network,': the actor with its place where a place is known. */
  get actorWithPlace(): string {
    if (this.many) return this.actor;
    const home = this.incident.actors[0]?.home === true;
    if (this.direction === 'outside') return this.actor;
    return home ? `${this.actor}, a host of your network,` : `${this.actor}, a host outside your network,`;
  }

  /** The actor's address, or how many there are where they are many. */
  get actor(): string {
    const [first] = this.incident.actors;
    const name = addressLabel(first?.address ?? '');
    return this.many ? `${this.incident.actors.length.toLocaleString('en-US')} hosts (${name} and others)` : name;
  }

  /** ' within 10.2 s', or nothing for an instant. */
  get within(): string {
    const { firstMs, lastMs } = this.span;
    return lastMs > firstMs ? ` within ${humanDuration(lastMs - firstMs)}` : '';
  }

  /** 'It began at 2021-04-01 15:55:45 UTC.' */
  get began(): Claim {
    return { text: `It began at ${this.startText}.`, cites: this.cite() };
  }

  /** '2021-04-01 15:55:45 UTC'; 'an unknown time' for what no calendar holds. */
  get startText(): string {
    // What has no time at all stands at 0.
    if (this.span.firstMs === 0 && this.span.lastMs === 0) return 'an unknown time';
    const iso = isoTime(this.span.firstMs);
    return iso.length === 'yyyy-mm-ddThh:mm:ss.sssZ'.length
      ? `${iso.slice(0, -5).replace('T', ' ')} UTC`
      : 'an unknown time';
  }

  /** Of the detection; of the whole incident where several actors made it. Ends in order. */
  get span(): { firstMs: number; lastMs: number } {
    const { firstMs, lastMs } = this.many ? this.incident : this.detection;
    return { firstMs: Math.min(firstMs, lastMs), lastMs: Math.max(firstMs, lastMs) };
  }
}

/** A sentence with what it rests on; it begins with a capital whatever it begins with. */
export function claim(text: string, cites: readonly string[]): Claim {
  return { text: capitalised(text), cites: [...new Set(cites)] };
}
