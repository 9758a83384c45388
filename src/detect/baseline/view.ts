import { numberAt, type Table, textAt } from '../../core/index.ts';
import { bindFlows, type FlowBatch, isStationMac } from '../../flow/index.ts';
import type { NetworkContext } from '../detection.ts';
import { isGroupOrBroadcast } from '../service.ts';
import type { Baseline, BaselineEntry, BaselineMatch } from './baseline.ts';

/** One end of a flow as a baseline is asked for it. */
export interface Station {
  /** The hardware address, else the address: what the station is told by. */
  readonly key: string;
  readonly mac: string | undefined;
  /** Undefined for what came before it had an address. */
  readonly address: string | undefined;
  readonly isHome: boolean;
  readonly match: BaselineMatch;
}

/**
 * The entry by which a station's own doings are judged; undefined where it has none that is approved and valid, and where the traffic may be somebody else's: what is outside, and what a router carries.
 */
export function ownEntry(station: Station | undefined): BaselineEntry | undefined {
  if (station === undefined || !station.isHome || station.match.standing !== 'approved') return undefined;
  const { entry } = station.match;
  if (entry?.isRouter !== true) return entry;
  return station.address !== undefined && entry.networks?.has(station.address) === true ? entry : undefined;
}

/**
 * The two ends of the rows of a batch, each pair of hardware and network address looked up once. Made once for a batch, whichever detector asks first.
 *
 * Judged is who can be told: a station's hardware address, or a home address without one. An address outside is its own business; what carried it here is a station.
 */
export class BaselineView {
  readonly flows: FlowBatch;
  readonly baseline: Baseline;
  #isHome: (address: string) => boolean;
  /** By number of expired entries, then by pair of codes. */
  #known: [Map<number, Station | undefined>, Map<number, Station | undefined>][] = [];

  private constructor(table: Table, baseline: Baseline, isHome: (address: string) => boolean) {
    this.flows = bindFlows(table);
    this.baseline = baseline;
    this.#isHome = isHome;
  }

  static of(table: Table, { isHome }: NetworkContext, baseline: Baseline): BaselineView {
    const known = VIEWS.get(table);
    if (known !== undefined && known.baseline === baseline) return known;
    const view = new BaselineView(table, baseline, isHome);
    VIEWS.set(table, view);
    return view;
  }

  /** Whether anything came back: by packets, else by outcome. */
  isAnswered(row: number): boolean {
    const packets = numberAt(this.flows.responderPackets, row);
    return packets === undefined ? textAt(this.flows.outcome, row) === 'answered' : packets > 0;
  }

  /** Whether the initiator sent anything in this row. */
  isSent(row: number): boolean {
    return numberAt(this.flows.initiatorPackets, row) !== 0;
  }

  /** @param side 0 the initiator, 1 the responder. Undefined for groups, for nobody, and for addresses outside without a hardware address. */
  station(row: number, side: 0 | 1): Station | undefined {
    const { flows, baseline } = this;
    const macs = side === 0 ? flows.initiatorMac : flows.responderMac;
    const addresses = side === 0 ? flows.initiator : flows.responder;
    const atMs = numberAt(flows.startMs, row) ?? 0;
    const expired = baseline.expiredBy(atMs);
    let known = this.#known[expired];
    if (known === undefined) {
      known = [new Map(), new Map()];
      this.#known[expired] = known;
    }
    const macText = textAt(macs, row);
    const address = textAt(addresses, row);
    const macCode = macText === undefined ? 0 : (macs.codes[row] ?? 0) + 1;
    const addressCode = address === undefined ? 0 : (addresses.codes[row] ?? 0) + 1;
    const code = macCode * (addresses.dictionary.length + 1) + addressCode;
    const of = known[side];
    const found = of.get(code);
    if (found !== undefined || of.has(code)) return found;
    const made = this.#make(macText, address, atMs);
    of.set(code, made);
    return made;
  }

  #make(macText: string | undefined, written: string | undefined, atMs: number): Station | undefined {
    const { baseline } = this;
    const mac = macText !== undefined && isStationMac(macText) ? macText : undefined;
    // What goes to a group, by either address, goes to nobody in particular.
    if (macText !== undefined && mac === undefined) return undefined;
    const isNobody = written === undefined || written === '0.0.0.0' || written === '::';
    if (!isNobody && isGroupOrBroadcast(written)) return undefined;
    const address = isNobody ? undefined : written;
    const isHome = address !== undefined && this.#isHome(address);
    if (mac === undefined && (!isHome || address === undefined || isLinkLocal(address))) return undefined;
    const match = baseline.match(mac, address, atMs, isHome);
    // Behind a router that the baseline knows, an address is what is told by.
    const entry = mac === undefined ? undefined : baseline.match(mac, undefined, atMs).entry;
    const key =
      entry?.isRouter === true && match.entry !== entry && address !== undefined ? address : (mac ?? address ?? '');
    return { key, mac, address, isHome, match };
  }
}

const VIEWS = new WeakMap<Table, BaselineView>();

const MAX_HELD = 16_384;

function isKnown({ match }: Station): boolean {
  return match.standing === 'approved' || match.standing === 'expired';
}

/**
 * Network addresses that known hardware addresses have. Another hardware address that shows one of them (a card that carries virtual machines, somebody who takes it) goes by its own, lest the known device is accused.
 */
export class HeldAddresses {
  readonly #held = new Set<string>();

  /** What a row shows of a station. */
  note(station: Station | undefined): void {
    if (station === undefined || !isKnown(station) || station.mac === undefined || station.key !== station.mac) return;
    // Behind a router's hardware address are those of others.
    if (station.address === undefined || !station.isHome || station.match.entry?.isRouter === true) return;
    if (this.#held.size < MAX_HELD) this.#held.add(station.address);
  }

  /** Those of the addresses of a station that is not known which no known one has. */
  without(addresses: ReadonlyMap<string, number>, station: Station): ReadonlyMap<string, number> {
    if (isKnown(station) || station.mac === undefined) return addresses;
    return new Map([...addresses].filter(([address]) => !this.#held.has(address)));
  }
}

function isLinkLocal(address: string): boolean {
  return address.startsWith('169.254.') || /^fe[89ab]/i.test(address);
}
