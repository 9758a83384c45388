import type { Opinion, Verdict } from '../../analyst/index.ts';
import type { AnalysisResult, IncidentsDocument } from '../../report/index.ts';

/**
 * What a report shows, read back from incidents.json: what `toDocument` makes of it again is the same document. Times are to the millisecond, as they
 * stand there. @param document as `incidentsDocument` parsed it
 */
export function storedResult(document: IncidentsDocument): AnalysisResult {
  const { run, timeline, incidents, hosts, devices, oddities, deviceCount, table } = document;
  // What came out of a file has no member that is there and undefined, which the types of the parser cannot say.
  return {
    run: {
      ...run,
      inputs: run.inputs.map(optionalTimes),
      ...optionalSpan(run),
      ...(run.feedback === undefined
        ? {}
        : {
            feedback: {
              ...run.feedback,
              rules: run.feedback.rules.map(({ created, expires, ...rule }) => ({
                ...rule,
                ...(created === null ? {} : { createdMs: time(created) }),
                ...(expires === null ? {} : { expiresMs: time(expires) }),
              })),
            },
          }),
      ...(run.drift === undefined
        ? {}
        : {
            drift: {
              ...run.drift,
              changes: run.drift.changes.map(({ at, ...change }) => ({ ...change, ms: time(at) })),
            },
          }),
    },
    oddities,
    incidents: incidents.map((incident) => ({
      ...times(incident),
      detections: incident.detections.map(times),
      verdict: storedVerdict(incident.verdict),
    })),
    hosts: hosts.map(times),
    ...(devices === undefined
      ? {}
      : {
          devices: devices.map((device) => ({
            ...times(device),
            addresses: device.addresses.map(times),
            joined: device.joined.map(times),
          })),
        }),
    ...(deviceCount === undefined ? {} : { deviceCount }),
    timeline: { ...timeline, startMs: time(timeline.start) },
    ...(table === undefined ? {} : { table }),
  } as AnalysisResult;
}

type StoredVerdict = IncidentsDocument['incidents'][number]['verdict'];

/** What a model said is by that model; the document does not say it twice. What its references stand for is found in the incident again. */
function storedVerdict({ opinions, ...verdict }: StoredVerdict): Verdict {
  if (opinions === undefined) return verdict;
  return {
    ...verdict,
    opinions: opinions.map(({ references: _found, verdict: said, ...opinion }) => ({
      ...opinion,
      ...(said === undefined ? {} : { verdict: { ...said, by: opinion.by } }),
    })) as Opinion[],
  };
}

interface Span {
  readonly first: string | null;
  readonly last: string | null;
}

/** What has no time stands at 0, as in the result itself. */
function time(iso: string | null): number {
  return iso === null ? 0 : Date.parse(iso);
}

function times<T extends Span>({ first, last, ...rest }: T) {
  return { ...rest, firstMs: time(first), lastMs: time(last) };
}

function optionalSpan({ first, last }: Span): { readonly firstMs?: number; readonly lastMs?: number } {
  return {
    ...(first === null ? {} : { firstMs: time(first) }),
    ...(last === null ? {} : { lastMs: time(last) }),
  };
}

function optionalTimes<T extends Span>({ first, last, ...rest }: T) {
  return { ...rest, ...optionalSpan({ first, last }) };
}
