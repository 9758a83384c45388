import type { Table } from '../core/index.ts';
import { bindFlows } from '../flow/index.ts';
import { BoundedMap, Cap } from './bounded.ts';
import { Judged } from './case.ts';
import type { NetworkContext } from './detection.ts';
import { isGroupMac, isGroupOrBroadcast } from './service.ts';

/** A hardware address that takes less of the traffic to outside is no way out that counts. */
const LEAST_SHARE = 0.2;

/**
 * Through which hardware addresses flows leave the home network: those of its gateways, as long as nobody draws the traffic to himself. Looks at flows between an address inside and one
 * outside that carry hardware addresses; each counts once.
 */
export class Gateways {
  readonly #counts: BoundedMap<string, { flows: number }>;
  readonly #context: NetworkContext;
  #total = 0;

  constructor(context: NetworkContext, most = 4096) {
    this.#context = context;
    this.#counts = new BoundedMap(new Cap('hardware addresses of gateways', most));
  }

  get cap(): Cap {
    return this.#counts.cap;
  }

  observe(table: Table): void {
    const flows = bindFlows(table);
    const isInside = (address: string): boolean => this.#context.isHome(address);
    const isOutside = (address: string): boolean => !this.#context.isHome(address) && !isGroupOrBroadcast(address);
    const initiator = new Judged(flows.initiator, isInside, false);
    const responder = new Judged(flows.responder, isOutside, false);
    const counts = new Float64Array(flows.responderMac.dictionary.length);
    for (let row = 0; row < flows.rowCount; row++) {
      const mac = flows.responderMac.codes[row] ?? -1;
      if (mac >= 0 && initiator.at(row) && responder.at(row)) counts[mac] = (counts[mac] ?? 0) + 1;
    }
    for (let code = 0; code < counts.length; code++) {
      const flowCount = counts[code] ?? 0;
      const mac = flows.responderMac.dictionary[code];
      if (flowCount === 0 || mac === undefined || isGroupMac(mac)) continue;
      const known = this.#counts.obtain(mac, () => ({ flows: 0 }));
      if (known !== undefined) known.flows += flowCount;
      this.#total += flowCount;
    }
  }

  isGateway(mac: string | undefined): boolean {
    const flows = mac === undefined ? 0 : (this.#counts.get(mac)?.flows ?? 0);
    return flows > 0 && flows >= LEAST_SHARE * this.#total;
  }
}
