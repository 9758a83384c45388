import { lookup } from 'node:dns/promises';
import { isIP } from 'node:net';
import { networkInterfaces } from 'node:os';
import { NetworkSet, parseAddress } from '../../wire/index.ts';

/** Where a server stands: on this machine, in this network, or elsewhere. */
export type Place = 'machine' | 'network' | 'remote';

/** Looks a name up, as texts of IPv4 and IPv6 addresses. Rejects with the system's error (ENOTFOUND, EAI_AGAIN). */
export type Resolver = (host: string) => Promise<readonly string[]>;

/** From the nearest to the farthest. */
const PLACES: readonly Place[] = ['machine', 'network', 'remote'];

/** Loopback (RFC 1122 3.2.1.3, RFC 4291 2.5.3), and the unspecified address, which systems connect to themselves. */
const MACHINE = networks(['127.0.0.0/8', '0.0.0.0/32', '::1', '::']);
/** Private (RFC 1918), unique local (RFC 4193) and link-local (RFC 3927, RFC 4291). The shared space of providers (RFC 6598) is nobody's own network. */
const NETWORK = networks(['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', '169.254.0.0/16', 'fc00::/7', 'fe80::/10']);

/** The place of an address. What is no address is remote. */
export function placeOfAddress(address: string, own: ReadonlySet<string> = ownAddresses()): Place {
  const text = plainAddress(address);
  if (MACHINE.has(text) || own.has(text)) return 'machine';
  return NETWORK.has(text) ? 'network' : 'remote';
}

/** The farthest of them: a name is as far away as the farthest address behind it. No address at all is remote. */
export function placeOfAddresses(addresses: readonly string[]): Place {
  const own = ownAddresses();
  const far = addresses.map((address) => PLACES.indexOf(placeOfAddress(address, own)));
  return PLACES[Math.max(...far, addresses.length === 0 ? 2 : 0)] ?? 'remote';
}

/** Whether `place` is no farther away than `limit`. */
export function isWithin(place: Place, limit: Place): boolean {
  return PLACES.indexOf(place) <= PLACES.indexOf(limit);
}

/** All addresses of a name by the system's resolver. An address stands for itself. */
export const systemResolver: Resolver = async (host) => {
  if (isIP(host) !== 0) return [host];
  const found = await lookup(host, { all: true });
  return found.map(({ address }) => address);
};

/** Without a zone index, and IPv4 mapped into IPv6 (RFC 4291 2.5.5.2) as the IPv4 address that it is. */
function plainAddress(address: string): string {
  const text = address.replace(/%.*$/, '').toLowerCase();
  const parsed = parseAddress(text);
  if (parsed?.isV6 !== true) return text;
  const [a, b, c, d] = parsed.words;
  if (a !== 0 || b !== 0 || c !== 0xffff) return text;
  return [24, 16, 8, 0].map((shift) => (d >>> shift) & 255).join('.');
}

/** Addresses of this machine's own interfaces: who connects to one of them does not leave it. */
function ownAddresses(): ReadonlySet<string> {
  const own = new Set<string>();
  for (const list of Object.values(networkInterfaces()))
    for (const { address } of list ?? []) own.add(plainAddress(address));
  return own;
}

function networks(texts: readonly string[]): NetworkSet {
  const set = NetworkSet.parse(texts);
  if (set === undefined) throw new Error('a network of ours is none');
  return set;
}
