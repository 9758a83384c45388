import { execFile } from 'node:child_process';
import * as fs from 'node:fs';
import * as os from 'node:os';
import { nearest, safeText, UserError } from '../../core/index.ts';

/** A network interface as an operator chooses it. */
export interface CaptureInterface {
  readonly name: string;
  /** 'up', 'down', or 'unknown' where the system does not say (loopback, tunnels). */
  readonly state: 'up' | 'down' | 'unknown';
  readonly kind: 'ethernet' | 'loopback' | 'any' | 'other';
  /** Lower case with colons; undefined for interfaces that have none. */
  readonly mac: string | undefined;
  readonly addresses: readonly string[];
  readonly mtu: number | undefined;
  /** Packets received and sent since the interface came up; undefined where the system does not say. */
  readonly packets: number | undefined;
}

const SYS = '/sys/class/net';
const ANY: CaptureInterface = {
  name: 'any',
  state: 'up',
  kind: 'any',
  mac: undefined,
  addresses: [],
  mtu: undefined,
  packets: undefined,
};

/**
 * The interfaces of this machine, in order of name, and Linux' pseudo-interface `any` last. From /sys/class/net on Linux, from the capture program's list (`tcpdump -D`)
 * elsewhere. @param programPath the tcpdump or dumpcap to ask where there is no /sys.
 */
export async function listInterfaces(programPath?: string): Promise<CaptureInterface[]> {
  const addresses = addressesByName();
  if (fs.existsSync(SYS)) {
    const names = fs.readdirSync(SYS).filter((name) => fs.existsSync(`${SYS}/${name}/mtu`));
    return [...names.sort(byName).map((name) => describeLinux(name, addresses.get(name)?.addresses ?? [])), ANY];
  }
  const found = new Map<string, CaptureInterface>();
  for (const [name, { addresses: known, mac, loopback }] of addresses) {
    found.set(name, {
      name,
      state: 'up',
      kind: loopback ? 'loopback' : 'ethernet',
      mac: loopback ? undefined : mac,
      addresses: known,
      mtu: undefined,
      packets: undefined,
    });
  }
  for (const listed of programPath === undefined ? [] : parseInterfaceList(await run(programPath, ['-D']))) {
    if (!found.has(listed.name)) found.set(listed.name, listed);
  }
  return [...found.values()].sort((a, b) => byName(a.name, b.name));
}

function byName(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function describeLinux(name: string, addresses: readonly string[]): CaptureInterface {
  const read = (file: string): string => {
    try {
      return fs.readFileSync(`${SYS}/${name}/${file}`, 'latin1').trim();
    } catch {
      // An interface may vanish while it is being described, and some drivers refuse single files.
      return '';
    }
  };
  const type = Number(read('type'));
  const flags = Number(read('flags'));
  const operstate = read('operstate');
  const mac = read('address');
  const packets = Number(read('statistics/rx_packets')) + Number(read('statistics/tx_packets'));
  const mtu = Number(read('mtu'));
  return {
    name,
    // IFF_UP is bit 0; operstate 'unknown' is what loopback and tunnels say when they work.
    state: (flags & 1) === 0 || operstate === 'down' ? 'down' : operstate === 'up' ? 'up' : 'unknown',
    // ARPHRD_ETHER and ARPHRD_LOOPBACK of linux/if_arp.h.
    kind: type === 772 ? 'loopback' : type === 1 ? 'ethernet' : 'other',
    mac: type === 1 && /^([0-9a-f]{2}:){5}[0-9a-f]{2}$/i.test(mac) ? mac.toLowerCase() : undefined,
    addresses,
    mtu: mtu > 0 ? mtu : undefined,
    packets: Number.isFinite(packets) ? packets : undefined,
  };
}

function addressesByName(): Map<string, { addresses: string[]; mac: string; loopback: boolean }> {
  const found = new Map<string, { addresses: string[]; mac: string; loopback: boolean }>();
  for (const [name, entries] of Object.entries(os.networkInterfaces())) {
    found.set(name, {
      addresses: (entries ?? []).map((entry) => entry.address),
      mac: entries?.[0]?.mac ?? '',
      loopback: entries?.[0]?.internal ?? false,
    });
  }
  return found;
}

/** Reads the list that `tcpdump -D` or `dumpcap -D` prints: '1.eth0 [Up, Running]', '2. lo (Loopback)'. */
export function parseInterfaceList(text: string): CaptureInterface[] {
  const found: CaptureInterface[] = [];
  for (const line of text.split('\n')) {
    const match = /^\d+\. ?(\S+)(.*)$/.exec(line);
    if (match === null || match[1] === undefined || found.length >= 1000) continue;
    const flags = /\[([^\]]*)\]\s*$/.exec(match[2] ?? '')?.[1];
    found.push({
      name: match[1],
      state: flags === undefined ? 'unknown' : /\bUp\b/.test(flags) ? 'up' : 'down',
      kind: match[1] === 'any' ? 'any' : /Loopback/.test(match[2] ?? '') ? 'loopback' : 'other',
      mac: undefined,
      addresses: [],
      mtu: undefined,
      packets: undefined,
    });
  }
  return found;
}

function run(program: string, args: readonly string[]): Promise<string> {
  return new Promise((resolve) => {
    // What can't be listed this way is simply not in the list; opening it says why.
    execFile(program, args, { timeout: 5000, maxBuffer: 1 << 20 }, (_error, stdout) => resolve(stdout));
  });
}

/** Interface names that may be handed to a capture program: nothing that it could take for an option, no path, no control characters. */
const PLAIN_NAME = /^[A-Za-z0-9_][A-Za-z0-9_.:@+-]{0,31}$/;

/** The interfaces asked for, once each. Throws UserError with the nearest name for one that this machine does not have. */
export function chooseInterfaces(asked: readonly string[], present: readonly CaptureInterface[]): CaptureInterface[] {
  const names = present.map((entry) => entry.name);
  if (asked.length === 0)
    throw new UserError(
      'no interface given',
      `for example -i ${defaultInterface(present) ?? 'eth0'}; capture list-interfaces shows all`,
    );
  const chosen = new Map<string, CaptureInterface>();
  for (const name of asked) {
    const found = PLAIN_NAME.test(name) ? present.find((entry) => entry.name === name) : undefined;
    if (found === undefined) {
      const near = nearest(name, names);
      throw new UserError(
        `there is no interface ${safeText(name, 40)} on this machine`,
        near === undefined ? `there are: ${names.join(', ')}` : `did you mean ${near}? There are: ${names.join(', ')}`,
      );
    }
    chosen.set(name, found);
  }
  if (chosen.size > 1 && chosen.has('any'))
    throw new UserError('any already is every interface', 'give -i any alone, or name the interfaces');
  return [...chosen.values()];
}

/** What an operator most likely means: the first Ethernet interface that is up and has an address. */
export function defaultInterface(present: readonly CaptureInterface[]): string | undefined {
  const up = present.filter((entry) => entry.kind !== 'loopback' && entry.kind !== 'any' && entry.state !== 'down');
  return (up.find((entry) => entry.kind === 'ethernet' && entry.addresses.length > 0) ?? up[0])?.name;
}

/** Ethernet addresses of this machine, as 12 hex digits: what is sent to or from another one belongs to other hosts. */
export function ownMacs(present: readonly CaptureInterface[]): Set<string> {
  return new Set(present.flatMap((entry) => (entry.mac === undefined ? [] : [entry.mac.replaceAll(':', '')])));
}

/**
 * Packets per second that cross an interface now, looked at for `lookMs`; undefined where the system has no counters.
 */
export async function packetRate(name: string, lookMs = 200): Promise<number | undefined> {
  const count = (): number | undefined => {
    if (!fs.existsSync(SYS)) return undefined;
    const names = name === 'any' ? fs.readdirSync(SYS) : [name];
    return names.reduce((sum, one) => sum + (describeLinux(one, []).packets ?? 0), 0);
  };
  const before = count();
  if (before === undefined) return undefined;
  const started = performance.now();
  await new Promise((resolve) => setTimeout(resolve, lookMs));
  return (((count() ?? before) - before) / (performance.now() - started)) * 1000;
}
