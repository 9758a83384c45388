import { counted, humanCount, safeText } from '../core/index.ts';
import { type Detection, MAX_PEERS, type Reason, type Saturation } from './detection.ts';

/** What another sensor said that it found: events of one of its rules between the same hosts, as one. */
export interface SensorAlert {
  /** Number of the generator that the rule belongs to; 1, the rules, where it is not said. */
  readonly gid?: number;
  /** Number of the rule. */
  readonly sid: number;
  /** Text of the rule's author, and of its classification. Text from outside. */
  readonly signature: string;
  readonly category: string | undefined;
  /** Priority of the rule: 1 is the most severe, 4 the least. */
  readonly severity: number | undefined;
  readonly action: string | undefined;
  /** ATT&CK techniques that the rule names. */
  readonly techniques?: readonly string[];
  readonly protocol: string | undefined;
  /** Sender and receiver of the packet that was alerted on. */
  readonly src: string;
  readonly dst: string;
  readonly dstPort: number | undefined;
  readonly count: number;
  readonly firstMs: number;
  readonly lastMs: number;
}

/** The levels of our scale for the priorities of Suricata and Snort. */
const LEVEL = ['high', 'high', 'medium', 'low', 'info'] as const;
/** Kinds of alerts that become detections, the most severe and then the most frequent first; what is beyond them is left out. */
const MAX_DETECTIONS = 1000;

/**
 * Alerts as detections, one for each sender and rule. What another sensor found is taken as it says it: the score is 1, for the rule did fire, and its own priority makes the severity. Which side is to blame the
 * alert does not say; the sender of the packet stands as the actor.
 */
export function alertDetections(alerts: readonly SensorAlert[]): {
  detections: Detection[];
  saturations: Saturation[];
} {
  const groups = new Map<string, SensorAlert[]>();
  for (const alert of alerts) {
    const key = `${alert.gid ?? 1} ${alert.sid} ${alert.src}`;
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [alert]);
    else group.push(alert);
  }
  const all = [...groups.values()]
    .map(detectionOf)
    .sort(
      (a, b) =>
        severityOf(a) - severityOf(b) ||
        b.flowCount - a.flowCount ||
        a.firstMs - b.firstMs ||
        (a.actor < b.actor ? -1 : 1),
    );
  const refused = Math.max(0, all.length - MAX_DETECTIONS);
  return {
    detections: all.slice(0, MAX_DETECTIONS),
    saturations:
      refused === 0 ? [] : [{ detector: 'alert', what: 'senders and rules of alerts', cap: MAX_DETECTIONS, refused }],
  };
}

function severityOf({ reasons }: Detection): number {
  const value = reasons.find(({ name }) => name === 'alert.severity')?.value;
  return (LEVEL as readonly (string | number | undefined)[]).indexOf(value);
}

function detectionOf(alerts: readonly SensorAlert[]): Detection {
  const [first] = alerts as [SensorAlert, ...SensorAlert[]];
  const count = alerts.reduce((sum, alert) => sum + alert.count, 0);
  const peers = [...new Set([...alerts].sort((a, b) => b.count - a.count).map(({ dst }) => dst))];
  const ports = new Set(alerts.map(({ dstPort }) => dstPort));
  const [port] = ports;
  const priority = Math.min(4, Math.max(1, Math.round(first.severity ?? 3)));
  const reasons: Reason[] = [
    {
      name: 'alert.count',
      value: count,
      unit: 'alerts',
      sentence: `The other sensor raised ${counted(count, 'alert')} of one rule for ${counted(peers.length, 'receiver')}.`,
    },
    {
      name: 'alert.signature',
      value: `${safeText(first.signature, 200)} (rule ${first.sid})`,
      unit: '',
      sentence: 'What the rule is called stands beside this line, in the words of its author.',
    },
    {
      name: 'alert.sid',
      value: first.sid,
      unit: '',
      sentence: `The rule has the number ${first.sid}.`,
    },
    {
      name: 'alert.severity',
      value: LEVEL[priority] ?? 'low',
      unit: '',
      sentence: `Its priority is ${priority} on a scale from 1, the most severe, to 4.`,
    },
  ];
  if (first.category !== undefined)
    reasons.push({
      name: 'alert.category',
      value: safeText(first.category, 100),
      unit: '',
      sentence: 'What class of finding it is stands beside this line, in the words of its author.',
    });
  const blocked = alerts.reduce((sum, alert) => sum + (alert.action === 'blocked' ? alert.count : 0), 0);
  if (blocked > 0)
    reasons.push({
      name: 'alert.blocked',
      value: blocked,
      unit: 'alerts',
      sentence: `It blocked the traffic of ${humanCount(blocked)} of them.`,
    });
  return {
    kind: 'alert.signature',
    detector: 'alert',
    actor: first.src,
    peers: peers.slice(0, MAX_PEERS),
    peerCount: peers.length,
    ...(ports.size === 1 && port !== undefined ? { port } : {}),
    ...(first.protocol === undefined ? {} : { protocol: first.protocol }),
    firstMs: Math.min(...alerts.map(({ firstMs }) => firstMs)),
    lastMs: Math.max(...alerts.map(({ lastMs }) => lastMs)),
    score: 1,
    reasons,
    techniques: [...new Set(alerts.flatMap(({ techniques = [] }) => techniques))].sort(),
    flows: [],
    flowCount: count,
  };
}
