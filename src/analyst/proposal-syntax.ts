import { parseAddress } from '../wire/index.ts';
import type { Proposal } from './proposal.ts';

/**
 * Whether a proposed rule is one that its tool can read: the part of each tool's syntax that proposals use, and nothing beyond it. Sources: nft(8) (tables, chains, matches, sets), netsh advfirewall
 * (add rule), the Suricata user guide (rule format, header, msg, flags, flow, threshold, sid, rev).
 * @returns what is wrong with it, in a sentence; undefined where nothing is
 */
export function proposalProblem({ tool, text }: Pick<Proposal, 'tool' | 'text'>): string | undefined {
  if (/[^\x20-\x7e\n]/.test(text)) return 'It has characters beyond printable ASCII.';
  switch (tool) {
    case 'nftables':
      return nftablesProblem(text);
    case 'netsh':
      return netshProblem(text);
    case 'suricata':
      return suricataProblem(text);
  }
}

const LABEL = /^anomalyst [a-z][a-z.-]{0,60} (?:inc-[0-9a-f]{12}|unnamed)$/;

function familyOf(address: string): 'ip' | 'ip6' | undefined {
  if (parseAddress(address) === undefined || !/^[0-9a-f:.]+$/i.test(address)) return undefined;
  return address.includes(':') ? 'ip6' : 'ip';
}

function isPort(text: string | undefined): boolean {
  return /^[1-9]\d{0,4}$/.test(text ?? '') && Number(text) <= 65_535;
}

function nftablesProblem(text: string): string | undefined {
  const lines = text.split('\n');
  const frame = [
    'table inet anomalyst_proposal {',
    '  chain forward {',
    '    type filter hook forward priority -10; policy accept;',
    undefined,
    '  }',
    '}',
  ];
  if (lines.length !== frame.length || frame.some((line, i) => line !== undefined && line !== lines[i]))
    return 'It is not one table with one chain and one rule.';
  const found = /^ {4}(.*) counter drop comment "([^"]*)"$/.exec(lines[3] ?? '');
  if (found === null) return 'Its rule does not end in counter drop and a comment.';
  const [, match = '', comment = ''] = found;
  if (!LABEL.test(comment) || comment.length > 127) return 'Its comment is not a name of an incident.';
  let rest = match;
  let family: string | undefined;
  for (const side of ['saddr', 'daddr']) {
    const part = new RegExp(`^(ip6?) ${side} (?:([0-9a-f:.]+)|\\{ ([0-9a-f:., ]+) \\})(?: |$)`, 'i').exec(rest);
    if (part === null) continue;
    const [whole, own = '', one, several] = part;
    const addresses = one === undefined ? (several ?? '').split(', ') : [one];
    if (addresses.some((address) => familyOf(address) !== own)) return `Its ${side} holds no addresses of ${own}.`;
    if (new Set(addresses).size !== addresses.length) return `Its ${side} names an address twice.`;
    if (family !== undefined && family !== own) return 'It mixes both families of addresses.';
    family = own;
    rest = rest.slice(whole.length);
  }
  if (family === undefined) return 'It matches no address.';
  if (rest === '') return undefined;
  const [, port] = /^(?:tcp|udp) dport (\d+)$/.exec(rest) ?? [];
  if (port !== undefined) return isPort(port) ? undefined : 'Its port is none.';
  const [, protocol] = /^meta l4proto (tcp|udp|icmp|icmpv6)$/.exec(rest) ?? [];
  if (protocol === undefined) return `It has what is no match: ${rest.slice(0, 40)}.`;
  return protocol.startsWith('icmp') && (protocol === 'icmpv6') !== (family === 'ip6')
    ? 'Its protocol is not of its family of addresses.'
    : undefined;
}

function netshProblem(text: string): string | undefined {
  const found = /^netsh advfirewall firewall add rule name="([^"]*)"((?: [a-z]+=[^\s"]+)*)$/.exec(text);
  if (found === null) return 'It is not one netsh command with name and settings.';
  const [, name = '', settings = ''] = found;
  if (!LABEL.test(name)) return 'Its name is not that of an incident.';
  const given = new Map<string, string>();
  for (const setting of settings.trim().split(' ')) {
    const [key = '', value = ''] = setting.split('=');
    if (given.has(key)) return `It sets ${key} twice.`;
    given.set(key, value);
  }
  const dir = given.get('dir');
  if (dir !== 'in' && dir !== 'out') return 'It has no direction.';
  if (given.get('action') !== 'block') return 'Its action is not block.';
  const protocol = given.get('protocol');
  for (const [key, value] of given) {
    if (key === 'dir' || key === 'action') continue;
    if (key === 'remoteip' && value.split(',').every((address) => familyOf(address) !== undefined)) continue;
    if (key === 'protocol' && /^(?:TCP|UDP|icmpv4|icmpv6)$/.test(value)) continue;
    // Ports need a protocol that has them.
    if ((key === 'remoteport' || key === 'localport') && isPort(value) && /^(?:TCP|UDP)$/.test(protocol ?? ''))
      continue;
    return `Its ${key} is not what netsh takes: ${value.slice(0, 40)}.`;
  }
  return undefined;
}

/** Options of a rule, each with the form of its value; those without one have none. */
const SURICATA_OPTIONS: Readonly<Record<string, RegExp>> = {
  msg: /^"anomalyst [a-z][a-z.-]{0,60} (?:inc-[0-9a-f]{12}|unnamed)"$/,
  flags: /^[FSRPAUCE0+!*]+(?:,[FSRPAUCE12]+)?$/,
  flow: /^(?:to_server|to_client|established|stateless)(?:,(?:to_server|to_client|established|stateless))*$/,
  threshold: /^type (?:limit|threshold|both), track by_(?:src|dst), count [1-9]\d{0,8}, seconds [1-9]\d{0,8}$/,
  sid: /^1\d{6}$/,
  rev: /^[1-9]\d*$/,
};

function suricataProblem(text: string): string | undefined {
  const found = /^alert (tcp|udp|icmp|ip) (\S+) (\S+) -> (\S+) (\S+) \((.*);\)$/.exec(text);
  if (found === null) return 'It is not one alert with a header and options.';
  const [, protocol = '', from = '', fromPort = '', to = '', toPort = '', options = ''] = found;
  const families = new Set<string | undefined>();
  for (const side of [from, to]) {
    if (side === 'any') continue;
    const [, list] = /^\[([^[\]]+)\]$/.exec(side) ?? [];
    for (const address of (list ?? side).split(',')) families.add(familyOf(address));
  }
  if (families.has(undefined)) return 'An end of it is no address.';
  if (families.size > 1) return 'It mixes both families of addresses.';
  for (const port of [fromPort, toPort]) if (port !== 'any' && !isPort(port)) return 'A port of it is none.';
  if (protocol !== 'tcp' && protocol !== 'udp' && (fromPort !== 'any' || toPort !== 'any'))
    return 'It has a port, and a protocol that has none.';
  const given = new Set<string>();
  for (const option of options.split('; ')) {
    const at = option.indexOf(':');
    const name = option.slice(0, at);
    const form = Object.hasOwn(SURICATA_OPTIONS, name) ? SURICATA_OPTIONS[name] : undefined;
    if (at < 0 || form?.test(option.slice(at + 1)) !== true)
      return `It has an option that is none: ${option.slice(0, 40)}.`;
    if (given.has(name)) return `It has ${name} twice.`;
    given.add(name);
  }
  for (const name of ['msg', 'sid', 'rev']) if (!given.has(name)) return `It has no ${name}.`;
  if ((given.has('flags') || given.has('flow')) && protocol !== 'tcp')
    return 'It asks for flags or the state of a connection, and its protocol is not TCP.';
  return undefined;
}
