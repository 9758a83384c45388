import { counted } from '../core/index.ts';
import type { Detection } from '../detect/index.ts';
import type { SeverityStep } from './incident.ts';
import type { KindInfo } from './kind.ts';
import { hasReason, numberOf, type Story } from './story.ts';
import type { Telling } from './telling.ts';
import { addressList, knownService, portLabel, serviceLabel, usualService } from './words.ts';

/** What a baseline finds: strangers, and known devices that do what nobody wrote down. */

const STRANGER = 'unknown device';
const CHANGE = 'change of behaviour';

/** Services by which one gets from host to host. */
const ACCESS = new Set(['ssh', 'rdp', 'smb', 'vnc', 'telnet', 'winrm', 'dcerpc', 'netbios-ssn']);
const REMOTE: Readonly<Record<string, 'T1021.001' | 'T1021.002' | 'T1021.004' | 'T1021.005'>> = {
  rdp: 'T1021.001',
  smb: 'T1021.002',
  ssh: 'T1021.004',
  vnc: 'T1021.005',
};

export const BASELINE_KINDS: readonly KindInfo[] = [
  {
    prefix: 'new-device.station',
    behaviour: STRANGER,
    worthOfActors: true,
    base: 32,
    rule: 'A device that the baseline does not know',
    direction: {},
    steps: strangerSteps,
    links: deviceLinks,
    // A machine with a vendor's or a virtual machine's address does not come by itself; a phone with a made-up one does.
    techniques: (_story, detection) => (hasReason(detection, 'new-device.identity') ? ['T1200'] : []),
    label: 'new device',
    deed: (told) => `is a device that the baseline does not know; it talked to ${peers(told)}`,
    end: () => '',
  },
  {
    prefix: 'new-device.randomised',
    behaviour: STRANGER,
    worthOfActors: true,
    base: 24,
    rule: 'A device with a made-up hardware address that the baseline does not know: most often a phone',
    direction: {},
    steps: strangerSteps,
    links: deviceLinks,
    label: 'new device with a made-up address',
    deed: (told) =>
      `is a device with a made-up hardware address that the baseline does not know; it talked to ${peers(told)}`,
    end: () => '',
  },
  {
    prefix: 'policy.unknown-source',
    behaviour: STRANGER,
    worthOfActors: true,
    base: 24,
    rule: 'A source that the baseline does not approve',
    direction: {},
    links: deviceLinks,
    label: 'unknown source',
    deed: (told) => `sent to ${peers(told)}, and the baseline does not approve it${why(told)}`,
    end: () => '',
  },
  {
    prefix: 'policy.unknown-destination',
    behaviour: STRANGER,
    worthOfActors: true,
    base: 18,
    rule: 'A destination that the baseline does not approve',
    direction: {},
    links: deviceLinks,
    label: 'unknown destination',
    deed: (told) => `was sent to by ${peers(told)}, and the baseline does not approve it${why(told)}`,
    end: () => '',
  },
  {
    prefix: 'policy.protocol',
    behaviour: 'protocol that is not allowed',
    base: 20,
    rule: 'A protocol that the baseline does not allow',
    behaviourOf: (detection) => (hasReason(detection, 'policy.stranger') ? STRANGER : undefined),
    links: (detection) =>
      hasReason(detection, 'policy.stranger') ? deviceLinks(detection) : [`actor ${detection.actor}`],
    direction: {
      outward: [8, 'It left the home network'],
      inward: [4, 'It came from outside and was answered'],
    },
    steps: (story) =>
      ACCESS.has(usualService(story.lead.port, story.lead.protocol) ?? '')
        ? [{ rule: 'It is a protocol of remote control or shared files', points: 8 }]
        : [],
    techniques: (_story, detection) => (detection.port === undefined ? ['T1095'] : []),
    label: 'protocol that is not allowed',
    deed: (told) => {
      const name = told.detection.reasons.find((reason) => reason.name === 'policy.protocol')?.value;
      return `spoke ${typeof name === 'string' ? name : 'a protocol'} with ${peers(told)}, which the baseline does not allow`;
    },
    end: () => '',
  },
  {
    prefix: 'policy.hours',
    behaviour: CHANGE,
    base: 16,
    rule: 'A known device that was active outside of its hours',
    direction: {},
    label: 'activity outside of its hours',
    deed: (told) =>
      `began ${counted(told.detection.flowCount, 'flow')} outside of the hours that the baseline gives it`,
    end: () => '',
  },
  {
    prefix: 'new-service.',
    behaviour: CHANGE,
    base: 24,
    rule: 'A known device that offers a service which the baseline does not name',
    direction: {},
    steps: serviceSteps,
    label: 'new service',
    deed: (told) => `answered ${peers(told)}${onPort(told)}, a service that the baseline does not name for it`,
    end: () => '',
  },
  {
    prefix: 'new-edge.',
    behaviour: CHANGE,
    base: 20,
    rule: 'A known device that contacted hosts which the baseline does not name',
    direction: { outward: [6, 'The hosts are outside the home network'] },
    steps: edgeSteps,
    techniques: (story, detection) => {
      const id = REMOTE[knownService(detection.service) ?? ''];
      return id !== undefined && story.direction === 'inside' ? [id] : [];
    },
    label: 'new contact',
    deed: (told) => `contacted ${peers(told)}${onPort(told)}, which the baseline does not name for it`,
    end: () => '',
  },
];

/** All that is said of one unknown device is one story, however long it stays. */
function deviceLinks(detection: Detection): string[] {
  return [`device ${detection.actor}`];
}

function peers({ peers: list, peerCount }: Telling): string {
  return addressList(list, peerCount);
}

function onPort({ detection }: Telling): string {
  const { port, protocol, service } = detection;
  if (port === undefined) return '';
  return serviceLabel(service) === undefined
    ? ` on ${portLabel(port, protocol)}`
    : ` on ${portLabel(port, protocol, knownService(service))}`;
}

function why({ detection }: Telling): string {
  const condition = detection.reasons.find((reason) => reason.name === 'policy.condition')?.value;
  if (typeof condition !== 'string') return '';
  if (condition.startsWith('expired')) return ': its entry has expired';
  return condition.startsWith('proposed') ? ': it is only proposed' : '';
}

function strangerSteps(story: Story): SeverityStep[] {
  const steps: SeverityStep[] = [];
  if (story.detections.some((detection) => hasReason(detection, 'new-device.offers')))
    steps.push({ rule: 'It offers services to others', points: 14 });
  return steps;
}

function serviceSteps(story: Story): SeverityStep[] {
  const { lead } = story;
  const steps: SeverityStep[] = [];
  if (hasReason(lead, 'new-service.outside'))
    steps.push({ rule: 'Somebody outside the home network got an answer', points: 12 });
  const service = knownService(lead.service) ?? usualService(lead.port, lead.protocol);
  if (service !== undefined && (ACCESS.has(service) || service === 'socks' || service === 'http-proxy'))
    steps.push({ rule: 'It is a service of remote control, shared files or proxies', points: 8 });
  return steps;
}

function edgeSteps(story: Story): SeverityStep[] {
  const steps: SeverityStep[] = [];
  const access = story.detections.some(
    (detection) => detection.kind === 'new-edge.inside' && ACCESS.has(knownService(detection.service) ?? ''),
  );
  if (access) steps.push({ rule: 'It used remote control or shared files of a host inside', points: 12 });
  // Whom three others print with or look up names at, a fourth will one day.
  else if (story.detections.every((detection) => numberOf(detection, 'new-edge.named-by') !== undefined))
    steps.push({ rule: 'The baseline names the same hosts for three other devices or more', points: -15 });
  if (story.detections.some((detection) => (numberOf(detection, 'new-edge.peers') ?? 0) >= 10))
    steps.push({ rule: 'There are ten such hosts or more', points: 8 });
  return steps;
}
