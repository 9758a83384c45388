import { nearest, type Random, UserError } from '../../core/index.ts';
import { formatIpv4, NetworkSet } from '../../wire/index.ts';
import { between, pick } from '../chance.ts';
import type { Engine, Process } from '../engine.ts';
import type { Host } from '../network.ts';
import { SECOND, type World } from '../world.ts';

/** Who attacks and who is attacked: the hosts that an attack names, or the ones it takes where it names none. */

/** Ports that something answers at, by role; scanners find these open. */
export const OPEN_PORTS: Readonly<Record<string, readonly number[]>> = {
  server: [22, 80, 443],
  nas: [22, 80, 139, 443, 445, 5000],
  printer: [80, 443, 515, 631, 9100],
  camera: [80, 554],
  gateway: [22, 53, 80, 443],
  workstation: [135, 139, 445],
  laptop: [],
  phone: [],
  iot: [80],
  voip: [80, 5060],
  internet: [80, 443],
};

export const CONTROL = '198.51.100.23';

/** Where attackers live when the scenario does not say: TEST-NET-2 and TEST-NET-3. */
export const ATTACKER = '203.0.113.66';

export const NO_BYTES = new Uint8Array();

export interface Actor {
  readonly world: World;
  readonly random: Random;
  readonly id: string;
}

export function hostOf(actor: Actor, text: string, key: string): Host {
  const { network } = actor.world;
  if (text.length > 200 || !/^[\w-]{1,63}(\.[\w-]{1,63})*$/.test(text))
    throw new UserError(
      `attack ${actor.id}: ${key}: '${text.slice(0, 80)}' is neither a host name, a domain nor an IPv4 address`,
      'for example ws-01, 203.0.113.66 or status.update-relay.example',
    );
  const host = network.find(text);
  if (host !== undefined) return host;
  const near = nearest(
    text,
    network.hosts.map(({ name }) => name),
  );
  throw new UserError(
    `attack ${actor.id}: ${key}: no host is called '${text}'`,
    near === undefined ? 'name a host of the scenario, or an address outside its networks' : `did you mean '${near}'?`,
  );
}

/** The machine of a person that was taken over, unless the scenario names one. */
export function insider(actor: Actor, from: string | undefined): Host {
  if (from !== undefined) return hostOf(actor, from, 'from');
  const { network } = actor.world;
  const people = network.withRole('workstation', 'laptop');
  const candidates = people.length > 0 ? people : network.hosts.filter(({ role }) => role !== 'gateway');
  if (candidates.length === 0)
    throw new UserError(`attack ${actor.id}: the scenario has no host it could start from`, 'list hosts, or say from');
  return pick(actor.random, candidates);
}

/** The same, for what only a neighbour can do. */
export function neighbour(actor: Actor, from: string | undefined): Host {
  const host = insider(actor, from);
  if (host.isLocal) return host;
  throw new UserError(`attack ${actor.id}: from: ${host.name} is not in the office`, 'name a host of the scenario');
}

export function outsider(actor: Actor, from: string | undefined, standard: string): Host {
  return hostOf(actor, from ?? standard, from === undefined ? 'default' : 'from');
}

export function server(actor: Actor, to: string | undefined, besides: Host): Host {
  if (to !== undefined) return hostOf(actor, to, 'to');
  const { network } = actor.world;
  const candidates = [...network.withRole('server'), ...network.withRole('nas'), ...network.hosts].filter(
    (host) => host !== besides,
  );
  const [first] = candidates;
  if (first === undefined)
    throw new UserError(`attack ${actor.id}: the scenario has no host it could be done to`, 'list hosts, or say to');
  return first;
}

/** IPv4 addresses of names, addresses and networks, in order; at most 65,536. */
export function targets(actor: Actor, to: string | readonly string[] | undefined, fallback: () => number[]): number[] {
  if (to === undefined) return fallback();
  const words: number[] = [];
  for (const text of typeof to === 'string' ? [to] : to) {
    const slash = text.indexOf('/');
    if (slash < 0) {
      words.push(addressWord(text) ?? hostOf(actor, text, 'to').v4[0]);
      continue;
    }
    const base = addressWord(text.slice(0, slash));
    const bits = Number(text.slice(slash + 1));
    if (base === undefined || NetworkSet.parse([text]) === undefined || bits < 16)
      throw new UserError(
        `attack ${actor.id}: to: '${text}' is no IPv4 network of at most 65,536 addresses`,
        'for example 192.168.10.0/24',
      );
    const size = 2 ** (32 - bits);
    const first = base - (base % size);
    for (let i = size > 2 ? 1 : 0; i < (size > 2 ? size - 1 : size); i++) words.push(first + i);
    if (words.length > 65_536) throw new UserError(`attack ${actor.id}: to: more than 65,536 targets`, 'name fewer');
  }
  return words;
}

function addressWord(text: string): number | undefined {
  const match = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/.exec(text);
  if (match === null) return undefined;
  const octets = match.slice(1).map(Number);
  return octets.some((octet) => octet > 255) ? undefined : octets.reduce((word, octet) => word * 256 + octet, 0);
}

/** Every address of the subnet of a host but its own. */
export function neighbourhood(host: Host): number[] {
  const { base, size } = host.subnet;
  const out: number[] = [];
  for (let i = 1; i < Math.min(size - 1, 1023); i++) if (base + i !== host.v4[0]) out.push(base + i);
  return out;
}

/** Whether a server answers at an address of the Internet: at seven of ten. */
function isThere(word: number): boolean {
  return (Math.imul(word, 0x9e3779b1) >>> 0) % 10 < 7;
}

/** An address that nobody has in the office, or a server of the Internet there. */
export function ghost(actor: Actor, word: number): { readonly host: Host; readonly exists: boolean } {
  const { network } = actor.world;
  const known = network.hostAt(word);
  if (known !== undefined) return { host: known, exists: true };
  const subnet = network.subnetOf(word);
  if (subnet === undefined) return { host: network.server(formatIpv4(word), word), exists: isThere(word) };
  return {
    host: {
      ...subnet.gateway,
      name: formatIpv4(word),
      v4: [word, 0, 0, 0],
      address: formatIpv4(word),
      role: 'workstation',
    },
    exists: false,
  };
}

/** The gap before the next of so many per second: regular as programs are, with a little noise. */
export function gapUs(random: Random, perSecond: number): number {
  return (SECOND / perSecond) * between(random, 0.85, 1.15);
}

/** A process that ends at a time, whatever it is at. */
export function* limited(engine: Engine, routine: Process, endUs: number): Process {
  for (;;) {
    if (engine.now >= endUs) return;
    const step = routine.next();
    if (step.done === true) return;
    yield step.value;
  }
}

/** Does something after a time. */
export function* later(us: number, act: () => void): Process {
  yield us;
  act();
}

/** Puts a list into a random order, in place. */
export function shuffle<T>(random: Random, list: T[]): void {
  for (let i = list.length - 1; i > 0; i--) {
    const j = random.below(i + 1);
    const a = list[i];
    const b = list[j];
    if (a === undefined || b === undefined) return;
    list[i] = b;
    list[j] = a;
  }
}
