import type { Detection } from '../detect/index.ts';
import type { SeverityStep } from './incident.ts';
import type { KindInfo } from './kind.ts';
import { hasReason, type Story } from './story.ts';
import type { TechniqueId } from './technique.ts';
import { addressList, knownService } from './words.ts';

/** What a threat list names. Whom we call weighs more than who calls us: everybody on the Internet is called by hosts that lists name. */
export const THREAT_LIST_KINDS: readonly KindInfo[] = [
  {
    prefix: 'threat-list.',
    behaviour: 'listed as hostile',
    base: 36,
    rule: 'A threat list of yours names the other side',
    direction: {
      outward: [10, 'A host inside went there of its own accord'],
      inward: [-22, 'It came from outside, as listed hosts do all day on the Internet'],
    },
    steps: threatSteps,
    links: (detection) => [
      wayOf(detection) === 'came' ? `target ${detection.peers[0] ?? ''}` : `actor ${detection.actor}`,
    ],
    manyAreOrdinary: true,
    techniques,
    label: 'listed as hostile',
    end: () => '',
    deed: ({ detection, peers, peerCount }) => {
      const hosts = addressList(peers, peerCount);
      switch (wayOf(detection)) {
        case 'came':
          return `is on a threat list and came to ${hosts}`;
        case 'asked':
          return 'asked the DNS for a name that is on a threat list';
        case 'fetched':
          return `fetched a page that is on a threat list from ${hosts}`;
        case 'client':
          return `spoke TLS with ${hosts} like a program that is on a threat list`;
        case 'server':
          return `spoke TLS with ${hosts}, which answered like a server that is on a threat list`;
        case 'named':
          return `called ${hosts} by a name that is on a threat list`;
        default:
          return `called ${hosts}, which a threat list names`;
      }
    },
  },
];

function wayOf(detection: Detection): string {
  return String(detection.reasons.find(({ name }) => name === 'threat-list.way')?.value ?? 'called');
}

function threatSteps({ lead }: Story): SeverityStep[] {
  const steps: SeverityStep[] = [];
  const way = wayOf(lead);
  if (way === 'asked')
    steps.push({ rule: 'Only the name was asked for; nobody went there by it as far as this shows', points: -12 });
  if (way === 'client' || way === 'server')
    steps.push({ rule: 'Programs of other makers may have the same fingerprint', points: -8 });
  if (hasReason(lead, 'threat-list.unanswered') && way !== 'asked')
    steps.push({ rule: 'Nobody answered', points: -10 });
  if (hasReason(lead, 'threat-list.lists')) steps.push({ rule: 'More than one list names it', points: 6 });
  return steps;
}

/** A call to a listed host is a call to whoever commands, as far as anybody knows; who comes in does what other detectors say. */
function techniques(story: Story, detection: Detection): TechniqueId[] {
  if (story.direction !== 'outward' && wayOf(detection) !== 'asked') return [];
  const service = wayOf(detection) === 'asked' ? 'dns' : knownService(detection.service);
  if (service === 'dns') return ['T1071.004'];
  return service === 'http' || service === 'tls' || service === 'quic' ? ['T1071.001'] : ['T1071'];
}
