import type { Claim, JudgedIncident, Verdict } from '../../../src/analyst/index.ts';
import { fingerprint } from '../../../src/core/index.ts';
import type { Reason } from '../../../src/detect/index.ts';
import type { FlowRecord } from '../../../src/flow/index.ts';
import type {
  Evidence,
  HostReference,
  IncidentDetection,
  Severity,
  SeverityStep,
  Technique,
} from '../../../src/incident/index.ts';

/** What the incidents of the sample are made of: the network, the day, and short ways to write flows and claims. */

const SECOND = 1000;
export const MINUTE = 60 * SECOND;
export const HOUR = 60 * MINUTE;
export const START = Date.UTC(2024, 4, 14, 6, 58, 12, 408);
export const END = START + 5 * HOUR + 12 * MINUTE;

export const BEACONER = host('192.168.10.23', '3c:52:82:11:0a:7e');
export const TUNNELER = host('192.168.10.41', 'a4:83:e7:5b:90:02');
export const SERVER = host('192.168.10.5', '00:1b:21:aa:30:11');
export const CAMERA = host('192.168.10.77', 'b0:c5:54:00:12:9f');

export function host(address: string, mac?: string): HostReference {
  return mac === undefined ? { address, home: address.startsWith('192.168.10.') } : { address, home: true, mac };
}

interface Draft {
  readonly severity: Severity;
  readonly kind: string;
  readonly title: string;
  readonly actors: readonly HostReference[];
  readonly peers: readonly HostReference[];
  readonly peerCount?: number;
  readonly techniques: readonly Technique[];
  readonly startMs: number;
  readonly endMs: number;
  readonly port?: number;
  readonly service?: string;
  readonly score: number;
  readonly reasons: readonly Reason[];
  readonly flows: readonly FlowRecord[];
  readonly flowCount: number;
  readonly steps: readonly SeverityStep[];
  readonly verdict: Omit<Verdict, 'by'>;
}

export function incident(draft: Draft): JudgedIncident {
  const evidence: Evidence[] = [
    ...draft.reasons.map((reason, i): Evidence => ({ id: `m${i + 1}`, type: 'measure', detection: 'd1', ...reason })),
    ...draft.flows.map((flow, i): Evidence => ({ id: `f${i + 1}`, type: 'flow', flow })),
  ];
  const detection: IncidentDetection = {
    id: 'd1',
    kind: draft.kind,
    detector: draft.kind.split('.')[0] ?? '',
    actor: draft.actors[0]?.address ?? '',
    peers: draft.peers.map((peer) => peer.address),
    peerCount: draft.peerCount ?? draft.peers.length,
    ...(draft.port === undefined ? {} : { port: draft.port, protocol: 'tcp' }),
    ...(draft.service === undefined ? {} : { service: draft.service }),
    firstMs: draft.startMs,
    lastMs: draft.endMs,
    score: draft.score,
    flowCount: draft.flowCount,
    evidence: evidence.map((item) => item.id),
  };
  return {
    id: `inc-${fingerprint([draft.kind, detection.actor, draft.startMs])}`,
    rank: 0,
    severity: draft.severity,
    urgency: draft.steps.reduce((sum, step) => sum + step.points, 0),
    severitySteps: draft.steps,
    kind: draft.kind,
    title: draft.title,
    actors: draft.actors,
    peers: draft.peers,
    peerCount: draft.peerCount ?? draft.peers.length,
    techniques: draft.techniques,
    firstMs: draft.startMs,
    lastMs: draft.endMs,
    detections: [detection],
    evidence,
    flowCount: draft.flowCount,
    verdict: { by: 'rules', ...draft.verdict },
  };
}

export function claim(text: string, ...cites: string[]): Claim {
  return { text, cites };
}

export function tcp(
  startMs: number,
  from: string,
  fromPort: number,
  to: string,
  toPort: number,
  more: Partial<FlowRecord>,
): FlowRecord {
  const id = Math.round((startMs - START) / 400) + 1;
  const flow: FlowRecord = {
    id,
    startMs,
    endMs: startMs + 420,
    durationMs: 420,
    protocol: 'tcp',
    initiator: from,
    initiatorPort: fromPort,
    responder: to,
    responderPort: toPort,
    initiatorPackets: 9,
    responderPackets: 8,
    initiatorBytes: 1_412,
    responderBytes: 4_980,
    tcpState: 'SF',
    closeReason: 'fin',
    outcome: 'answered',
    communityId: `1:${btoa(fingerprint([from, fromPort, to, toPort], 20)).slice(0, 27)}=`,
    firstFrame: id * 37 + 11,
    input: 1,
  };
  return { ...flow, ...more };
}
