import { counted, humanCount } from '../core/index.ts';
import type { Detection } from '../detect/index.ts';
import type { SeverityStep } from './incident.ts';
import type { KindInfo } from './kind.ts';
import { hasReason, numberOf, roleOf, type Story } from './story.ts';
import type { TechniqueId } from './technique.ts';
import { measure, type Telling, targets } from './telling.ts';
import { portLabel, serviceLabel } from './words.ts';

/** The kinds of floods: told from the source where one source sends nearly all, else from the target. */

const DENIAL = 'denial of service';

const FLOOD_DIRECTION: KindInfo['direction'] = {
  inside: [10, 'Source and target are both inside'],
  outward: [10, 'A host inside takes part in a flood against others'],
  inward: [5, 'The target is a host of the home network'],
};

export const FLOOD_KINDS: readonly KindInfo[] = [
  {
    prefix: 'flood.backscatter',
    behaviour: 'backscatter',
    base: 10,
    rule: 'Answers to connections that nobody here made: an echo of a flood somewhere else',
    direction: { inward: [5, 'The flooded host is one of the home network'] },
    cap: [39, 'An echo of a flood is no attack by itself: at most low'],
    label: 'echo of a flood',
    deed: ({ peerCount }) => `answered connections that ${counted(peerCount, 'host')} never made`,
    end: () => '; it is probably being flooded from forged addresses',
  },
  {
    prefix: 'flood.slow',
    behaviour: DENIAL,
    base: 40,
    rule: 'Connections that keep a web server waiting, far more than visitors make',
    direction: FLOOD_DIRECTION,
    steps: floodSteps,
    links: floodLinks,
    techniques: () => ['T1499.002'],
    label: 'connections that keep a server waiting',
    deed: (told) =>
      told.role === 'target'
        ? `was kept waiting by ${counted(told.peerCount, 'address', 'addresses')}${withConnections(told)}`
        : `kept ${targets(told)} waiting${withConnections(told)}`,
  },
  {
    prefix: 'flood.',
    behaviour: DENIAL,
    base: 40,
    rule: 'Far more packets than the target can have asked for',
    direction: FLOOD_DIRECTION,
    steps: floodSteps,
    links: floodLinks,
    techniques: floodTechniques,
    label: 'flood',
    deed: floodDeed,
    end: (told) => {
      const rate = measure(told, 'flood.rate');
      return rate === undefined ? '' : `, up to ${humanCount(rate)} packets a second`;
    },
  },
];

const PACKETS: Readonly<Record<string, string>> = {
  'flood.syn': 'half-open connections',
  'flood.udp': 'UDP packets',
  'flood.icmp': 'ICMP packets',
  'flood.ack': 'TCP packets of no connection',
  'flood.ip': 'IP packets that nobody answers',
};

function floodDeed(told: Telling): string {
  const { port, protocol } = told.detection;
  const what = `${packetsOf(told.detection)}${port === undefined ? '' : ` on ${portLabel(port, protocol)}`}`;
  return told.role === 'target'
    ? `was flooded with ${what} from ${counted(told.peerCount, 'address', 'addresses')}`
    : `flooded ${targets(told)} with ${what}`;
}

function packetsOf(detection: Detection): string {
  const packets = PACKETS[detection.kind] ?? 'packets';
  const reflected = detection.reasons.find(({ name }) => name === 'flood.reflected');
  if (reflected === undefined) return packets;
  if (detection.kind === 'flood.ack') return 'answers to connection attempts in its name';
  const servers = serviceLabel(String(reflected.value));
  return servers === undefined ? packets : `${packets} that ${servers} servers reflect`;
}

/** ' with 400 connections on port 80 (HTTP)'. */
function withConnections(told: Telling): string {
  const { port, protocol } = told.detection;
  const connections = measure(told, 'flood.packets');
  const many = connections === undefined ? 'many connections' : counted(connections, 'connection');
  return ` with ${many}${port === undefined ? '' : ` on ${portLabel(port, protocol)}`}`;
}

function floodTechniques(_story: Story, detection: Detection): TechniqueId[] {
  if (hasReason(detection, 'flood.reflected')) return ['T1498.002'];
  return detection.kind === 'flood.syn' || detection.kind === 'flood.ack' ? ['T1499.001'] : ['T1498.001'];
}

function floodSteps(story: Story): SeverityStep[] {
  const steps: SeverityStep[] = [];
  const { lead } = story;
  const rate = numberOf(lead, 'flood.rate');
  const threshold = lead.reasons.find((reason) => reason.name === 'flood.rate')?.threshold;
  const times = rate === undefined || threshold === undefined || !(threshold > 0) ? 0 : rate / threshold;
  if (times >= 100) steps.push({ rule: 'The rate is 100 times the threshold or more', points: 20 });
  else if (times >= 10) steps.push({ rule: 'The rate is 10 times the threshold or more', points: 10 });
  if ((numberOf(lead, 'flood.half-open') ?? 0) >= 0.999)
    steps.push({ rule: 'No ordinary connection to the target came through in the same time', points: 10 });
  if (hasReason(lead, 'flood.reflected'))
    steps.push({ rule: 'Servers reflect it, at which somebody must have aimed them', points: 10 });
  if (hasReason(lead, 'flood.few-flows'))
    steps.push({ rule: 'It is one stream or few, as a one-way transmission has too', points: -15 });
  return steps;
}

function floodLinks(detection: Detection): string[] {
  if (roleOf(detection) === 'target') return [`target ${detection.actor}`];
  return [`source ${detection.actor}`, ...detection.peers.map((peer) => `target ${peer}`)];
}
