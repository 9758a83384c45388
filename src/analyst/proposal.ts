import { type Incident, type IncidentDetection, nameLabel, roleOf } from '../incident/index.ts';
import { parseAddress } from '../wire/index.ts';
import { proposalProblem } from './proposal-syntax.ts';
import type { Verdict } from './verdict.ts';

/**
 * Rules for firewalls and Suricata that fit an incident, made by code from its evidence: addresses, ports and protocols that it shows, and nothing else.
 * They are proposals for a person to read and change; nothing ever runs them. No text from the network is in them.
 */
export interface Proposal {
  readonly tool: ProposalTool;
  /** What it does, in one sentence. */
  readonly purpose: string;
  /** The rule as it would be put into the tool: nftables a whole table, the others a line each. */
  readonly text: string;
  /** Evidence that it rests on. */
  readonly cites: readonly string[];
}

export const PROPOSAL_TOOLS = ['nftables', 'netsh', 'suricata'] as const;
export type ProposalTool = (typeof PROPOSAL_TOOLS)[number];

/** Peers that a rule names at most: with more, a rule against the actor is what a person would write. */
const MAX_PEERS = 8;

interface Aim {
  /** Whose traffic it is, and where to; undefined stands for anybody. */
  readonly from: string | undefined;
  readonly to: readonly string[];
  readonly protocol: 'tcp' | 'udp' | 'icmp' | 'ip';
  readonly port: number | undefined;
  readonly way: 'out' | 'in' | 'inside';
}

/** The rules that fit, each held to the syntax of its tool; see `draftRules`. One that its tool could not read would be a bug, and is not shown. */
export function proposeRules(incident: Incident, verdict: Verdict): Proposal[] {
  return draftRules(incident, verdict).filter((draft) => proposalProblem(draft) === undefined);
}

/**
 * None where the verdict advises to allow it, where the actor is the one who suffers (those addresses are often forged), and where no address is known. Only
 * a Suricata rule where the advice is to monitor.
 */
export function draftRules(incident: Incident, verdict: Verdict): Proposal[] {
  const [lead] = incident.detections;
  if (lead === undefined || verdict.action === 'allow') return [];
  const reasons = incident.evidence.flatMap((item) =>
    item.type === 'measure' && item.detection === lead.id ? [item] : [],
  );
  if (roleOf({ reasons }) !== 'source' || REVERSED.some((prefix) => lead.kind.startsWith(prefix))) return [];
  const aim = aimOf(incident, lead);
  if (aim === undefined) return [];
  const cites = [lead.id, ...lead.evidence.filter((id) => id.startsWith('f')).slice(0, 3)];
  const suricata: Proposal = {
    tool: 'suricata',
    purpose: 'Tells of such traffic when it comes again.',
    text: suricataRule(incident, aim),
    cites,
  };
  if (verdict.action === 'monitor') return [suricata];
  // Without targets and a port such a rule takes the whole host off, which has to be said, and a machine can't well be told so itself.
  const isAll = aim.to.length === 0 && aim.port === undefined;
  const stops = isAll && aim.way !== 'in' ? 'Cuts the host off from all that lies behind it' : STOPS[aim.way];
  return [
    { tool: 'nftables', purpose: `${stops} on a Linux router or firewall.`, text: nftables(incident, aim), cites },
    ...(isAll && aim.way === 'out'
      ? []
      : [
          {
            tool: 'netsh',
            purpose: `${STOPS[aim.way]} on ${aim.way === 'out' ? 'the Windows machine that sends it' : 'a Windows machine that it goes to'}.`,
            text: netsh(incident, aim),
            cites,
          } as const,
        ]),
    suricata,
  ];
}

/** Kinds in which something was done to the actor. */
const REVERSED: readonly string[] = [
  'policy.unknown-destination',
  'arp-spoof.',
  'dhcp-starvation.',
  'name-poison.',
  'rogue-dhcp.',
  'scan.arp',
];

const STOPS: Readonly<Record<Aim['way'], string>> = {
  out: 'Stops this traffic to the outside',
  in: 'Stops what comes from this address',
  inside: 'Stops this traffic between hosts inside',
};

function aimOf(incident: Incident, lead: IncidentDetection): Aim | undefined {
  const from = ipOf(lead.actor);
  if (from === undefined || incident.actors.length > 1) return undefined;
  const home = new Map([...incident.actors, ...incident.peers].map((host) => [host.address, host.home]));
  const fromHome = home.get(lead.actor) === true;
  const peers = lead.peers.filter((peer) => ipOf(peer) !== undefined && sameFamily(peer, from));
  const outside = peers.filter((peer) => home.get(peer) !== true);
  const protocol =
    lead.protocol === 'tcp' || lead.protocol === 'udp' || lead.protocol === 'icmp' ? lead.protocol : 'ip';
  const port =
    lead.port !== undefined && lead.port > 0 && lead.port <= 65_535 && (protocol === 'tcp' || protocol === 'udp')
      ? lead.port
      : undefined;
  const few = (list: readonly string[]): readonly string[] =>
    lead.peerCount > lead.peers.length || list.length > MAX_PEERS ? [] : list;
  // Where nobody is at home nobody can stop anything.
  if (!fromHome && outside.length === peers.length && peers.length > 0) return undefined;
  if (!fromHome) return { from, to: few(peers), protocol, port, way: 'in' };
  if (outside.length > 0 && outside.length === peers.length)
    return { from, to: few(outside), protocol, port, way: 'out' };
  return { from, to: few(peers), protocol, port, way: 'inside' };
}

/** The address as parsers of rules read it; undefined for MACs, zones, and what is none. */
function ipOf(text: string): string | undefined {
  return parseAddress(text) !== undefined && /^[0-9a-f:.]+$/i.test(text) ? text.toLowerCase() : undefined;
}

function sameFamily(a: string, b: string): boolean {
  return a.includes(':') === b.includes(':');
}

/** The incident's own id and kind, and nothing that could end a string. */
function label({ id, kind }: Incident): string {
  return `anomalyst ${nameLabel(kind)} ${/^inc-[0-9a-f]{12}$/.test(id) ? id : 'unnamed'}`;
}

function nftables(incident: Incident, { from, to, protocol, port }: Aim): string {
  const family = (from ?? to[0] ?? '').includes(':') ? 'ip6' : 'ip';
  const match = [
    from === undefined ? undefined : `${family} saddr ${from}`,
    to.length === 0 ? undefined : `${family} daddr ${to.length === 1 ? to[0] : `{ ${to.join(', ')} }`}`,
    port === undefined
      ? protocol === 'ip'
        ? undefined
        : `meta l4proto ${protocol === 'icmp' && family === 'ip6' ? 'icmpv6' : protocol}`
      : `${protocol} dport ${port}`,
  ].filter((part) => part !== undefined);
  return [
    'table inet anomalyst_proposal {',
    '  chain forward {',
    '    type filter hook forward priority -10; policy accept;',
    `    ${match.join(' ')} counter drop comment "${label(incident)}"`,
    '  }',
    '}',
  ].join('\n');
}

function netsh(incident: Incident, { from, to, protocol, port, way }: Aim): string {
  // Out: on the machine that calls. Else: on the one that is called.
  const isOut = way === 'out';
  const remote = isOut ? to.join(',') : (from ?? '');
  const parts = [
    `netsh advfirewall firewall add rule name="${label(incident)}"`,
    `dir=${isOut ? 'out' : 'in'}`,
    'action=block',
    ...(remote === '' ? [] : [`remoteip=${remote}`]),
    ...(protocol === 'tcp' || protocol === 'udp'
      ? [`protocol=${protocol.toUpperCase()}`]
      : protocol === 'icmp'
        ? [`protocol=${(from ?? '').includes(':') ? 'icmpv6' : 'icmpv4'}`]
        : []),
    ...(port === undefined ? [] : [`${isOut ? 'remoteport' : 'localport'}=${port}`]),
  ];
  return parts.join(' ');
}

/** Local rules have the numbers 1,000,000 to 1,999,999. */
function suricataRule(incident: Incident, { from, to, protocol, port }: Aim): string {
  const list = to.length === 0 ? 'any' : to.length === 1 ? to[0] : `[${to.join(',')}]`;
  const sid = 1_000_000 + (Number.parseInt(incident.id.slice(4, 12), 16) % 900_000 || 0);
  const options = [
    `msg:"${label(incident)}"`,
    ...(protocol === 'tcp' && incident.kind.startsWith('scan.')
      ? ['flags:S,CE']
      : protocol === 'tcp'
        ? ['flow:to_server']
        : []),
    'threshold:type limit, track by_src, count 1, seconds 60',
    `sid:${sid}`,
    'rev:1',
  ];
  return `alert ${protocol} ${from ?? 'any'} any -> ${list} ${port ?? 'any'} (${options.join('; ')};)`;
}
