import * as fs from 'node:fs';
import { UserError } from '../core/index.ts';
import { describeFileError } from '../io/index.ts';
import { type IncidentsDocument, incidentsDocument } from '../report/index.ts';

type Incident = IncidentsDocument['incidents'][number];

/**
 * The filter that an incident's flows fit: for each detection the flows between its actor and its peers, on its port, from its beginning to an hour after its
 * end: the span of a scan is that of its first contacts, and what is asked again belongs to it. Where more peers took part than the report lists, all of the
 * actor's are taken.
 */
export function incidentFilter(incident: Incident): string {
  const clauses = new Set(
    incident.detections.map(({ actor, peers, peerCount, port, protocol, first, last }) =>
      [
        `host ${quote(actor)}`,
        ...(peers.length > 0 && peers.length >= peerCount ? [`host in (${peers.map(quote).join(', ')})`] : []),
        ...(protocol === undefined ? [] : [`protocol == ${quote(protocol)}`]),
        ...(port === undefined ? [] : [`port == ${port}`]),
        ...(last === null ? [] : [`start <= ${later(last)}`]),
        ...(first === null ? [] : [`end >= ${first}`]),
      ].join(' and '),
    ),
  );
  return [...clauses].map((clause) => `(${clause})`).join(' or ');
}

/** The document of an incidents.json. Throws UserError where it is not there, or is none of this version. */
export function readReport(file: string): IncidentsDocument {
  let document: unknown;
  try {
    document = JSON.parse(fs.readFileSync(file, 'utf8'));
  } catch (error) {
    if (error instanceof SyntaxError)
      throw new UserError(
        `${file} is not JSON: ${error.message}`,
        'give the incidents.json that anomalyst analyze wrote',
      );
    if ((error as NodeJS.ErrnoException).code === 'ENOENT')
      throw new UserError(
        `there is no ${file}`,
        'run anomalyst analyze first, or name the incidents.json of its output with --report',
      );
    throw describeFileError(error, file, 'read');
  }
  const parsed = incidentsDocument.safeParse(document);
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    throw new UserError(
      `${file} is no incidents.json of this version: ${issue?.path.join('.') ?? ''}: ${issue?.message ?? ''}`,
      'run anomalyst analyze again',
    );
  }
  return parsed.data;
}

/** The incident of a report by its id or rank. Throws UserError where file or incident are not there. */
export function findIncident(file: string, wanted: string): Incident {
  const { incidents } = readReport(file);
  const found = incidents.find(({ id, rank }) => id === wanted || String(rank) === wanted);
  if (found === undefined)
    throw new UserError(
      `${file} has no incident ${wanted}`,
      incidents.length === 0
        ? 'it has none at all'
        : `give an id such as ${incidents[0]?.id ?? ''}, or a rank from 1 to ${incidents.length}`,
    );
  return found;
}

/** The silence that ends a story; see `groupDetections`. */
const GAP_MS = 3_600_000;

function later(iso: string): string {
  return new Date(Date.parse(iso) + GAP_MS).toISOString();
}

function quote(text: string): string {
  return `"${text.replaceAll(/["\\]/g, '\\$&')}"`;
}
