import { numberAt, type Table, textAt } from '../core/index.ts';
import { bindFlows } from './schema.ts';

/** What the flows tell of one host. */
export interface HostFacts {
  readonly address: string;
  mac: string | undefined;
  /** Whether any packet came from it; an address that was only asked for may be nobody's. */
  spoke: boolean;
  flowsOut: number;
  flowsIn: number;
  bytesOut: number;
  bytesIn: number;
  firstMs: number;
  lastMs: number;
  /** Answered flows by service it answered on, as in 'http/80' or 'udp/5000'. */
  services: Map<string, number> | undefined;
  /** Names that flows to it carried (SNI, Host). */
  names: Map<string, number> | undefined;
}

const MAX_SERVICES = 64;
const MAX_NAMES = 32;

/**
 * Hosts seen in flows, at most `capacity`; further addresses are refused and counted. A host's MAC is known only from links of the same segment; one that
 * stands for many addresses is a router's and is given to none (`finish`).
 */
export class HostTable {
  readonly capacity: number;
  /** Flow ends whose address had no place. */
  refused = 0;
  #hosts = new Map<string, HostFacts>();

  constructor(capacity = 32_768) {
    this.capacity = capacity;
  }

  observe(table: Table): void {
    const f = bindFlows(table);
    const initiators = this.#resolve(f.initiator.dictionary);
    const responders = this.#resolve(f.responder.dictionary);
    for (let row = 0; row < table.rowCount; row++) {
      const from = initiators[f.initiator.codes[row]];
      const to = responders[f.responder.codes[row]];
      const startMs = f.startMs.values[row];
      const endMs = f.endMs.values[row];
      const out = f.initiatorBytes.values[row];
      const back = f.responderBytes.values[row];
      if (from === undefined) this.refused++;
      else {
        touch(from, startMs, endMs);
        from.flowsOut++;
        if (f.initiatorPackets.values[row] > 0) from.spoke = true;
        from.bytesOut += out;
        from.bytesIn += back;
        from.mac ??= textAt(f.initiatorMac, row);
      }
      if (to === undefined) this.refused++;
      else {
        touch(to, startMs, endMs);
        to.flowsIn++;
        to.bytesOut += back;
        to.bytesIn += out;
        if (f.responderPackets.values[row] > 0) {
          to.spoke = true;
          to.mac ??= textAt(f.responderMac, row);
          // A reset says that nothing listens there.
          if (textAt(f.outcome, row) === 'refused') continue;
          const port = numberAt(f.responderPort, row);
          if (port !== undefined)
            to.services = count(
              to.services,
              `${textAt(f.service, row) ?? textAt(f.protocol, row)}/${port}`,
              MAX_SERVICES,
            );
          const name = textAt(f.serverName, row) ?? textAt(f.httpHost, row);
          if (name !== undefined && name !== to.address) to.names = count(to.names, name, MAX_NAMES);
        }
      }
    }
  }

  #resolve(addresses: readonly string[]): (HostFacts | undefined)[] {
    return addresses.map((address) => {
      let host = this.#hosts.get(address);
      if (host === undefined && this.#hosts.size < this.capacity) {
        host = {
          address,
          mac: undefined,
          spoke: false,
          flowsOut: 0,
          flowsIn: 0,
          bytesOut: 0,
          bytesIn: 0,
          firstMs: Number.POSITIVE_INFINITY,
          lastMs: Number.NEGATIVE_INFINITY,
          services: undefined,
          names: undefined,
        };
        this.#hosts.set(address, host);
      }
      return host;
    });
  }

  /** All hosts that spoke, most bytes first, then by address; MACs of routers and group addresses taken away. */
  finish(): HostFacts[] {
    const owners = new Map<string, number>();
    for (const host of this.#hosts.values())
      if (host.mac !== undefined) owners.set(host.mac, (owners.get(host.mac) ?? 0) + 1);
    for (const host of this.#hosts.values()) {
      if (host.mac === undefined) continue;
      const group = (Number.parseInt(host.mac.slice(0, 2), 16) & 1) !== 0;
      if (group || host.mac === '00:00:00:00:00:00' || (owners.get(host.mac) ?? 0) > MAC_ADDRESSES)
        host.mac = undefined;
    }
    return [...this.#hosts.values()]
      .filter((host) => host.spoke && host.address !== UNSPECIFIED)
      .sort((a, b) => b.bytesOut + b.bytesIn - a.bytesOut - a.bytesIn || (a.address < b.address ? -1 : 1));
  }
}

/** What a host says it is before DHCP has given it an address. */
const UNSPECIFIED = '0.0.0.0';

/** A MAC behind more addresses than this is taken for a router's: one device has an IPv4, a link-local and some IPv6 addresses. */
const MAC_ADDRESSES = 6;

function touch(host: HostFacts, startMs: number, endMs: number): void {
  if (startMs < host.firstMs) host.firstMs = startMs;
  if (endMs > host.lastMs) host.lastMs = endMs;
}

/** Most hosts answer nothing, so a map is made when the first entry comes. */
function count(known: Map<string, number> | undefined, key: string, cap: number): Map<string, number> {
  const map = known ?? new Map<string, number>();
  const times = map.get(key);
  if (times !== undefined) map.set(key, times + 1);
  else if (map.size < cap) map.set(key, 1);
  return map;
}

/** Keys by falling count, then by name. */
export function mostFrequent(map: ReadonlyMap<string, number> | undefined, most: number): string[] {
  return [...(map ?? [])]
    .sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1))
    .slice(0, most)
    .map(([key]) => key);
}
