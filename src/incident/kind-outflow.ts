import { counted, humanBytes, humanCount, safeText } from '../core/index.ts';
import type { Detection } from '../detect/index.ts';
import type { SeverityStep } from './incident.ts';
import type { KindInfo } from './kind.ts';
import { hasReason, numberOf, type Story } from './story.ts';
import { measure, type Telling } from './telling.ts';
import { addressList, knownService, portLabel, usualService } from './words.ts';

/** The kinds of what leaves a network in disguise, or leaves it at all: tunnels, the search for an operator under generated names, data sent away. */

const HIDDEN: KindInfo['direction'] = {
  inside: [-5, 'Both hosts are inside'],
  inward: [-10, 'It was begun from outside'],
};

export const OUTFLOW_KINDS: readonly KindInfo[] = [
  {
    prefix: 'dns-tunnel.',
    behaviour: 'hidden tunnel',
    base: 38,
    rule: 'Names that carry data in questions to the DNS',
    // Whichever resolver is asked, the questions go to who owns the domain.
    direction: {},
    steps: dnsTunnelSteps,
    techniques: () => ['T1071.004', 'T1572'],
    label: 'tunnel in the DNS',
    deed: (told) => {
      const names = measure(told, 'dns-tunnel.names') ?? told.detection.flowCount;
      const bytes = measure(told, 'dns-tunnel.bytes');
      const domain = textOf(told.detection, 'dns-tunnel.domain');
      const where = domain === '' ? 'one domain' : `“${domain}”`;
      return `asked for ${counted(names, 'different name')} below ${where}${bytes === undefined ? '' : `, which can have carried ${humanBytes(bytes)}`}`;
    },
  },
  {
    prefix: 'icmp-tunnel.',
    behaviour: 'hidden tunnel',
    base: 40,
    rule: 'Pings that carry data',
    direction: HIDDEN,
    techniques: (story) => (story.direction === 'inside' ? ['T1572'] : ['T1095', 'T1572']),
    label: 'tunnel in pings',
    deed: (told) => {
      const bytes = measure(told, 'icmp-tunnel.bytes');
      const what = bytes === undefined ? 'data' : humanBytes(bytes);
      return `exchanged ${what} with ${addressList(told.peers, told.peerCount)} in pings that are no pings`;
    },
  },
  {
    prefix: 'dga.failing',
    behaviour: 'search for an operator',
    base: 22,
    rule: 'Many names that do not exist',
    direction: {},
    techniques: () => ['T1568.002'],
    label: 'many names that do not exist',
    deed: (told) =>
      `asked for ${counted(measure(told, 'dga.failing') ?? told.detection.flowCount, 'domain')} that ${plural(told, 'dga.failing') ? 'do' : 'does'} not exist`,
  },
  {
    prefix: 'dga.',
    behaviour: 'search for an operator',
    base: 42,
    rule: 'Many names that an algorithm seems to have made',
    direction: {},
    techniques: () => ['T1568.002'],
    label: 'generated names',
    deed: (told) => {
      const failing = measure(told, 'dga.failing');
      const fate = failing === undefined || failing === 0 ? '' : `, and ${humanCount(failing)} new ones did not exist`;
      return `asked for ${counted(measure(told, 'dga.names') ?? told.detection.flowCount, 'domain')} that look generated${fate}`;
    },
  },
  {
    prefix: 'dns-burst.',
    behaviour: 'search for an operator',
    base: 34,
    rule: 'Many names of one length within seconds',
    direction: {},
    techniques: () => ['T1568.002'],
    label: 'bursts of names of one length',
    deed: (told) =>
      `asked for ${counted(measure(told, 'dns-burst.questions') ?? told.detection.flowCount, 'name')} in bursts, nearly all of one length`,
  },
  {
    prefix: 'exfiltration.upload',
    behaviour: 'data sent away',
    base: 38,
    rule: 'Much data sent to a place outside that hardly anybody else inside knows',
    direction: {},
    steps: uploadSteps,
    techniques: (_story, detection) => [isEncrypted(detection) ? 'T1048.002' : 'T1048.003'],
    label: 'large upload',
    deed: (told) => {
      const bytes = measure(told, 'exfiltration.bytes');
      const place = textOf(told.detection, 'exfiltration.place');
      const peers = addressList(told.peers, told.peerCount);
      return `sent ${bytes === undefined ? 'much data' : humanBytes(bytes)} to ${place === '' ? peers : `“${place}” (${peers})`}${onPort(told)}`;
    },
  },
  {
    prefix: 'exfiltration.',
    behaviour: 'data sent away',
    base: 34,
    rule: 'Something handed over outside, with a login and without encryption',
    direction: {},
    steps: (story) =>
      hasReason(story.lead, 'exfiltration.public-address')
        ? [{ rule: 'The same host asked for its own public address, as thieves of passwords do first', points: 12 }]
        : [],
    techniques: (_story, { kind }) =>
      kind === 'exfiltration.mail' ? ['T1048.003', 'T1071.003'] : ['T1048.003', 'T1071.002'],
    label: 'data handed over in clear',
    deed: (told) => {
      const isMail = told.detection.kind === 'exfiltration.mail';
      const count = measure(told, 'exfiltration.handed-over') ?? 1;
      const what = isMail ? counted(count, 'mail') : counted(count, 'file');
      return `logged in without encryption to ${addressList(told.peers, told.peerCount)}${onPort(told)} and handed over ${what}`;
    },
  },
];

/** Information in names from which on it weighs more. */
const MUCH_IN_NAMES = 100_000;

function dnsTunnelSteps({ lead }: Story): SeverityStep[] {
  const steps: SeverityStep[] = [];
  if ((numberOf(lead, 'dns-tunnel.bytes') ?? 0) >= MUCH_IN_NAMES)
    steps.push({ rule: '100 kB or more can have left in names', points: 8 });
  if ((numberOf(lead, 'dns-tunnel.carrying') ?? 0) >= 0.5)
    steps.push({ rule: 'Most questions are of types by which nobody looks for an address', points: 8 });
  return steps;
}

function uploadSteps({ lead }: Story): SeverityStep[] {
  const steps: SeverityStep[] = [];
  const bytes = numberOf(lead, 'exfiltration.excess') ?? 0;
  if (bytes >= 1e9) steps.push({ rule: 'A gigabyte or more', points: 14 });
  else if (bytes >= 1e8) steps.push({ rule: '100 MB or more', points: 7 });
  const known = usualService(lead.port, lead.protocol);
  if (lead.port !== undefined && known === undefined)
    steps.push({ rule: 'It uses a port that no usual service has', points: 8 });
  return steps;
}

function isEncrypted({ service, port, protocol }: Detection): boolean {
  const name = knownService(service) ?? usualService(port, protocol);
  return name === 'tls' || name === 'ssh' || name === 'quic';
}

/** A name from the network, made safe and short; '' where there is none. */
function textOf(detection: Detection, name: string): string {
  const value = detection.reasons.find((reason) => reason.name === name)?.value;
  return typeof value === 'string' ? safeText(value, 60) : '';
}

function plural(told: Telling, name: string): boolean {
  return (measure(told, name) ?? told.detection.flowCount) !== 1;
}

function onPort({ detection: { port, protocol, service } }: Telling): string {
  return port === undefined ? '' : ` on ${portLabel(port, protocol, knownService(service))}`;
}
