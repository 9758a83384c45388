import type { Table } from '../core/index.ts';
import { bindFlows } from '../flow/index.ts';
import { BoundedMap, Cap } from './bounded/bounded.ts';
import type { NetworkContext } from './detection.ts';
import { isGroupMac, isGroupOrBroadcast } from './service.ts';
import { toldOf } from './told.ts';

/** A hardware address that takes less of the traffic to outside is no way out that counts. */
const LEAST_SHARE = 0.2;

/**
 * Through which hardware addresses flows leave the home network: those of its gateways, as long as nobody draws the traffic to himself. Looks at flows between an address inside and one
 * outside that carry hardware addresses; each counts once.
 */
export class Gateways {
  /** By hardware address its place in `#flows`. */
  readonly #places: BoundedMap<string, number>;
  readonly #flows: number[] = [];
  readonly #context: NetworkContext;
  #total = 0;

  constructor(context: NetworkContext, most = 4096) {
    this.#context = context;
    this.#places = new BoundedMap(new Cap('hardware addresses of gateways', most));
  }

  get cap(): Cap {
    return this.#places.cap;
  }

  observe(table: Table): void {
    const { responderMac } = bindFlows(table);
    const counts = outgoing(table, this.#context.isHome);
    for (let code = 0; code < counts.length; code++) {
      const flowCount = counts[code] ?? 0;
      const mac = responderMac.dictionary[code];
      if (flowCount === 0 || mac === undefined || isGroupMac(mac)) continue;
      const place = this.#places.obtain(mac, () => this.#flows.push(0) - 1);
      if (place !== undefined) this.#flows[place] = (this.#flows[place] as number) + flowCount;
      this.#total += flowCount;
    }
  }

  /** Whether any flow left the home network through a hardware address that is known. */
  get isKnown(): boolean {
    return this.#total > 0;
  }

  isGateway(mac: string | undefined): boolean {
    const place = mac === undefined ? undefined : this.#places.get(mac);
    const flows = place === undefined ? 0 : (this.#flows[place] as number);
    return flows > 0 && flows >= LEAST_SHARE * this.#total;
  }
}

/** How many flows of a batch left the home network, by the code of the responder's hardware address; counted once for all who ask. */
function outgoing(table: Table, isHome: NetworkContext['isHome']): Float64Array {
  const known = OUTGOING.get(table);
  if (known?.isHome === isHome) return known.counts;
  const flows = bindFlows(table);
  const isInside = toldOf(flows.initiator, isHome);
  const responder = toldOf(flows.responder, isHome);
  const isGroup = toldOf(flows.responder, isGroupOrBroadcast);
  const macs = flows.responderMac.codes;
  const responders = flows.responder.codes;
  const counts = new Float64Array(flows.responderMac.dictionary.length);
  for (let row = 0; row < flows.rowCount; row++) {
    const mac = macs[row] as number;
    if (mac < 0 || (responders[row] as number) < 0 || !isInside.at(row)) continue;
    if (!responder.at(row) && !isGroup.at(row)) counts[mac] = (counts[mac] as number) + 1;
  }
  OUTGOING.set(table, { isHome, counts });
  return counts;
}

const OUTGOING = new WeakMap<Table, { readonly isHome: NetworkContext['isHome']; readonly counts: Float64Array }>();
