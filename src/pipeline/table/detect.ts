import type { Schema } from '../../core/index.ts';
import { type Detection, type EvidenceRecord, recordOf } from '../../detect/index.ts';
import { FLOW_SCHEMA, type FlowRecord, flowRecord } from '../../flow/index.ts';
import { WHOLE_TABLE } from '../../incident/index.ts';
import { suspectCluster } from '../../model/index.ts';
import type { TableFlag } from '../../report/index.ts';
import type { Groups } from './group.ts';
import type { MeasuredRows } from './measure.ts';
import type { FlagHit, TablePlan } from './plan.ts';

/** Flags and groups as detections. */

/** A detection whose evidence is still to be looked up: the numbers of its rows, the first `EVIDENCE_ROWS` of them, and how many there are. */
export interface Pending {
  readonly detection: Omit<Detection, 'flows' | 'flowCount' | 'records' | 'recordCount'>;
  readonly rows: readonly number[];
  readonly rowCount: number;
}

/** A group is worth a look where it is small and well parted from the rest. */
const SMALL_SHARE = 0.05;
const WELL_PARTED = 0.5;
const LEAST_ROWS = 50;

/** The smallest group of the best cut, by who acts in it. */
export function groupDetections(groups: Groups | undefined): Pending[] {
  const best = groups?.clustering.best;
  if (groups === undefined || best === undefined || groups.clustering.rowCount < LEAST_ROWS) return [];
  const suspect = suspectCluster(best);
  if (
    suspect === undefined ||
    suspect.silhouette < WELL_PARTED ||
    suspect.size > SMALL_SHARE * groups.clustering.rowCount
  )
    return [];
  const members: number[] = [];
  best.labels.forEach((label, row) => {
    if (label === suspect.label) members.push(row);
  });
  const { sample } = groups;
  const byEntity = new Map<string, number[]>();
  for (const row of members) {
    const entity = sample.entities[row] ?? WHOLE_TABLE;
    const list = byEntity.get(entity) ?? [];
    list.push(row);
    byEntity.set(entity, list);
  }
  const numbers = (list: readonly number[]): number[] => list.map((row) => sample.rows[row] ?? 0).sort((a, b) => a - b);
  const shown = suspect.influence.filter(({ share }) => share >= 0.05).slice(0, 4);
  return [...byEntity].slice(0, MAX_GROUP_ENTITIES).map(([actor, list]): Pending => {
    const times = list.flatMap((row) => sample.times[row] ?? []);
    const detection: Pending['detection'] = {
      kind: 'cluster.outlier',
      detector: 'cluster',
      actor,
      peers: [],
      peerCount: 0,
      firstMs: times.length === 0 ? 0 : Math.min(...times),
      lastMs: times.length === 0 ? 0 : Math.max(...times),
      score: 0.5 * suspect.silhouette,
      reasons: [
        {
          name: 'cluster.size',
          value: suspect.size,
          unit: 'rows',
          sentence: `The group has ${suspect.size} of ${groups.clustering.rowCount} rows.`,
        },
        {
          name: 'cluster.silhouette',
          value: Number(suspect.silhouette.toFixed(3)),
          unit: 'ratio -1..1',
          threshold: WELL_PARTED,
          sentence: `How well it is parted from the others, its mean silhouette, is ${suspect.silhouette.toFixed(2)} of 1.`,
        },
        ...shown.map(({ column, share }) => ({
          name: 'cluster.influence',
          value: column,
          unit: '',
          sentence: `One feature makes up ${Math.round(100 * share)} % of what sets the group apart.`,
        })),
      ],
    };
    return { detection, rows: numbers(list).slice(0, EVIDENCE_ROWS), rowCount: list.length };
  });
}

const MAX_GROUP_ENTITIES = 20;
const EVIDENCE_ROWS = 20;

export function flagDetection(hit: FlagHit): Pending {
  const detection: Pending['detection'] = {
    kind: 'flag.row',
    detector: 'flag',
    actor: hit.entity ?? WHOLE_TABLE,
    peers: [],
    peerCount: 0,
    firstMs: hit.firstMs ?? 0,
    lastMs: hit.lastMs ?? hit.firstMs ?? 0,
    score: 1,
    ...(hit.technique === undefined ? {} : { techniques: [hit.technique] }),
    reasons: [
      { name: 'flag.name', value: hit.name, unit: '', sentence: 'The flag by the name that its author gave it.' },
      {
        name: 'flag.message',
        value: hit.message,
        unit: '',
        sentence: 'What the flag says stands beside this line, with the values that it found.',
      },
      {
        name: 'flag.description',
        value: hit.description,
        unit: '',
        sentence: 'What the flag is for stands beside this line, in the words of its author.',
      },
      {
        name: 'flag.rows',
        value: hit.rowCount,
        unit: 'rows',
        sentence: `It fired for ${hit.rowCount} ${hit.rowCount === 1 ? 'row' : 'rows'}.`,
      },
      {
        name: 'flag.severity',
        value: hit.severity,
        unit: '',
        sentence: `Its author calls it ${hit.severity}.`,
      },
    ].filter(({ value }) => value !== ''),
  };
  return { detection, rows: hit.rows.slice(0, EVIDENCE_ROWS), rowCount: hit.rowCount };
}

/** The detections with their evidence, looked up in one pass over the store: flows as flows, with the hosts that they lead to, and rows of any other table as rows. */
export function withEvidence(pending: readonly Pending[], measured: MeasuredRows, schema: Schema): Detection[] {
  const wanted = new Set(pending.flatMap(({ rows }) => rows));
  const records = new Map<number, EvidenceRecord>();
  const flows = new Map<number, FlowRecord>();
  const ofFlows = schema === FLOW_SCHEMA;
  let done = 0;
  if (wanted.size > 0)
    for (const { table } of measured.store.chunks()) {
      for (let row = 0; row < table.rowCount; row++) {
        const number = measured.rowNumbers[done + row] ?? 0;
        if (!wanted.has(number)) continue;
        if (ofFlows) flows.set(number, flowRecord(table, row));
        else records.set(number, recordOf(table, row, number));
      }
      done += table.rowCount;
    }
  return pending.map(({ detection, rows, rowCount }): Detection => {
    if (!ofFlows)
      return {
        ...detection,
        flows: [],
        flowCount: 0,
        records: rows.flatMap((number) => records.get(number) ?? []),
        recordCount: rowCount,
      };
    const shown = rows.flatMap((number) => flows.get(number) ?? []);
    const peers = [...new Set(shown.flatMap(({ responder }) => responder ?? []))].filter(
      (peer) => peer !== detection.actor,
    );
    return { ...detection, peers, peerCount: peers.length, flows: shown, flowCount: rowCount };
  });
}

export function flagSummary({ flagList }: TablePlan, hits: readonly FlagHit[]): TableFlag[] {
  return flagList.map(({ name, severity, description }) => {
    const fired = hits.filter((hit) => hit.name === name);
    return {
      name,
      severity,
      description,
      rows: fired.reduce((sum, { rowCount }) => sum + rowCount, 0),
      entities: new Set(fired.flatMap(({ entity }) => entity ?? [])).size,
    };
  });
}
