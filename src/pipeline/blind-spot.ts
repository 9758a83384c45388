import { counted, humanCount, humanDuration, safeText } from '../core/index.ts';
import type { RunSummary } from '../report/index.ts';
import type { OddityCounter } from '../wire/index.ts';
import type { CensusCounts } from './census.ts';
import { LEAST_FIT_ROWS } from './fit-sample.ts';
import type { FlowStore } from './store.ts';

/** What the sentences below are made from. */
export interface RunFacts {
  readonly run: Omit<RunSummary, 'blindSpots' | 'emptyBecause'>;
  /** How many detectors looked. */
  readonly detectors: number;
  readonly oddities: OddityCounter;
  /** Whether a model scored the flows. */
  readonly model: boolean;
  readonly store: FlowStore;
  /** The operator stopped the reading. */
  readonly stopped: boolean;
  readonly flows: CensusCounts;
  /** What a reader of the model's scores should know. */
  readonly cautions: readonly string[];
  readonly idle: readonly IdleDetector[];
}

/** A detector that saw nothing, and the flow columns that it needs and no input gave. */
export interface IdleDetector {
  readonly id: string;
  readonly lacking: readonly string[];
}

const NOT_LOOKED_FOR =
  'Files, messages and requests to applications were not searched for malware or attacks inside of them: that none is named here says nothing.';

const SHORT_CAPTURE_MS = 3_600_000;

/** What could not be seen in this traffic, and so may be there all the same; each one sentence with its number. */
export function describeBlindSpots(facts: RunFacts): string[] {
  const { run, oddities, flows, store } = facts;
  const spots: string[] = [];
  if (facts.stopped)
    spots.push('The reading was stopped before the end of the input; nothing after that was looked at.');
  const simulated = run.inputs.filter((input) => input.simulated === true).length;
  if (simulated > 0)
    spots.push(
      `${simulated === run.inputs.length ? 'This traffic is simulated' : `${humanCount(simulated)} of ${counted(run.inputs.length, 'input')} ${simulated === 1 ? 'is' : 'are'} simulated`}: nobody sent it, and nothing here was attacked.`,
    );
  const failed = facts.stopped ? 0 : run.inputs.filter((input) => input.status === 'failed').length;
  if (failed > 0) spots.push(`${counted(failed, 'input')} could not be read at all.`);
  const cut = run.inputs.filter((input) => input.status === 'cut').length;
  if (cut > 0) spots.push(`${counted(cut, 'input')} ended early; what came after the damage is unknown.`);
  const growing = run.inputs.filter(
    (input) => input.status === 'complete' && input.message !== undefined && input.rows === undefined,
  ).length;
  if (growing > 0)
    spots.push(
      `${counted(growing, 'input')} ${growing === 1 ? 'is' : 'are'} still being written, or cut a moment ago: what comes after was not there.`,
    );
  for (const { id, lacking } of facts.idle)
    spots.push(`The detector ${id} did not run: it needs ${listed(lacking)}, which the input does not give.`);
  for (const { name, rows, message } of run.inputs)
    if (rows !== undefined && message !== undefined) spots.push(`${safeText(name, 60)}: ${safeText(message, 300)}.`);
  const rejected = run.inputs.reduce((sum, input) => sum + (input.rejected ?? 0), 0);
  if (rejected > 0)
    spots.push(`${counted(rejected, 'line or record', 'lines or records')} could not be read and stand in no count.`);
  // Of packets every feature has values somewhere, or there was nothing to have them of; a log may have no such column.
  if (run.inputs.some(({ rows }) => rows !== undefined))
    for (const caution of facts.cautions) if (caution.includes('had no value')) spots.push(`The model: ${caution}`);
  const dropped = oddities.of('capture.dropped');
  if (dropped > 0)
    spots.push(`The capture program dropped ${counted(dropped, 'packet')}; they are missing from every count.`);
  const snapped = oddities.of('capture.snapped');
  if (snapped > 0)
    spots.push(
      `${counted(snapped, 'packet')} of ${humanCount(run.packets)} were cut at capture time, so names and contents behind the cut are unknown.`,
    );
  const span = run.firstMs === undefined || run.lastMs === undefined ? 0 : run.lastMs - run.firstMs;
  if (run.flows > 0 && span < SHORT_CAPTURE_MS) {
    spots.push(
      `The ${run.packets > 0 ? 'capture' : 'input'} spans ${humanDuration(span)}: a slow scan, a beacon with a long interval or a connection of hours cannot show in it.`,
    );
  }
  if (flows.tcpOneWay >= 10 && flows.tcpOneWay > flows.tcp / 4) {
    spots.push(
      `${counted(flows.tcpOneWay, 'TCP flow')} of ${humanCount(flows.tcp)} show only one direction: the other one takes a path that was not captured.`,
    );
  }
  if (flows.tcpMidStream > 0)
    spots.push(
      `${counted(flows.tcpMidStream, 'TCP flow')} had begun before the capture, so who started ${flows.tcpMidStream === 1 ? 'it is a guess' : 'them is a guess'} from the ports.`,
    );
  const encrypted = flows.tls + flows.quic + flows.encryptedDns;
  if (encrypted > 0)
    spots.push(
      `${counted(encrypted, 'flow')} ${encrypted === 1 ? 'is' : 'are'} encrypted (TLS, QUIC): sizes and times were seen, contents were not.`,
    );
  if (flows.tunnels > 0)
    spots.push(
      `${counted(flows.tunnels, 'flow')} ${flows.tunnels === 1 ? 'is a tunnel' : 'are tunnels'}: what they carry was not looked into.`,
    );
  for (const { kind, packets } of run.otherFrames.slice(0, 5))
    spots.push(
      `${counted(packets, 'frame')} of kind ${kind} ${packets === 1 ? 'belongs' : 'belong'} to no flow and ${packets === 1 ? 'was' : 'were'} only counted.`,
    );
  if (!facts.model && run.flows > 0)
    spots.push(
      `With ${counted(run.flows, 'flow')} no model of the usual was fitted (it takes ${LEAST_FIT_ROWS}), so single strange flows were not looked for.`,
    );
  if (run.flows > 0) spots.push(NOT_LOOKED_FOR);
  if (store.refusedRows > 0)
    spots.push(
      `The scratch file could not grow (${store.failure?.message ?? 'unknown reason'}), so ${counted(store.refusedRows, 'flow')} ${store.refusedRows === 1 ? 'is' : 'are'} missing from flows.csv and was not scored by the model.`,
    );
  for (const s of run.saturations)
    spots.push(
      `${s.detector}: its table of ${s.what} was full at ${humanCount(s.cap)}; ${counted(s.refused, 'entry', 'entries')} more could not be followed.`,
    );
  return spots;
}

/** 'a', 'a and b', 'a, b and c'. */
function listed(words: readonly string[]): string {
  return words.length < 2 ? words.join('') : `${words.slice(0, -1).join(', ')} and ${words.at(-1)}`;
}

/** Why there is no incident to show. */
export function explainEmptiness(facts: RunFacts): string {
  const { run } = facts;
  const rows = run.inputs.reduce((sum, input) => sum + (input.rows ?? 0), 0);
  const logs = run.inputs.some((input) => input.rows !== undefined);
  if (run.packets === 0 && rows === 0) return logs ? 'The input holds no rows.' : 'The input holds no packets.';
  if (run.flows === 0) {
    const kinds = run.otherFrames
      .map(({ kind, packets }) => `${humanCount(packets)} x ${kind}`)
      .slice(0, 3)
      .join(', ');
    return `None of the ${counted(run.packets, 'packet')} belongs to a flow that can be analysed (${kinds}).`;
  }
  const model = facts.model ? '' : ` No model of the usual was fitted: that takes ${LEAST_FIT_ROWS} flows.`;
  return `${counted(run.flows, 'flow')} of ${counted(run.hosts, 'host')} ${run.flows === 1 ? 'was' : 'were'} looked at by ${counted(facts.detectors, 'detector')}, and nothing reached a threshold.${model}`;
}
