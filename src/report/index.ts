/** Floor 8: findings to text, JSON, CSV and HTML. */
import { renderIncidentsCsv, renderIncidentsCsvParts } from './csv.ts';
import { renderHtml, renderHtmlParts } from './html.ts';
import { renderJson, renderJsonParts } from './json.ts';
import type { AnalysisResult } from './result.ts';

export { FLOW_CSV_COLUMNS, flowCsvHeader, renderIncidentsCsv, textCell } from './csv.ts';
export { curveSpark, type NamedCurve, renderCurves } from './curve.ts';
export { type DeviceSummary, MOST_DEVICES, timesOfAddresses } from './device-summary.ts';
export * from './drift-summary.ts';
export { FlowCsvWriter, flowCsvBytes, flowCsvRows } from './flow-csv.ts';
export * from './flow-rows.ts';
export { renderHtml } from './html.ts';
export { devicesJson, incidentJson, renderJson, renderJsonParts } from './json.ts';
export * from './model-comparison.ts';
export * from './result.ts';
export * from './row-csv.ts';
export { INCIDENTS_SCHEMA_VERSION, type IncidentsDocument, incidentsDocument, incidentsJsonSchema } from './schema.ts';
export { type ShownIncident, type ShowOptions, showIncident } from './show.ts';
export { renderTerminal, type TerminalOptions } from './terminal.ts';

/** One line of the table of report formats. */
export interface ReportFormat {
  /** What `--format` takes. */
  readonly name: string;
  /** Name of the file that the report is written to. */
  readonly file: string;
  readonly mediaType: string;
  /** One sentence for help and the reference page. */
  readonly meaning: string;
  /** The whole report as text; the same result gives the same bytes in UTF-8. */
  readonly render: (result: AnalysisResult) => string;
  /** The same text in parts: whole it can be very large. */
  readonly parts: (result: AnalysisResult) => Iterable<string>;
}

/** The formats that show a whole result. flows.csv is not among them: it is written batch by batch while the capture is read. */
export const REPORT_FORMATS: readonly ReportFormat[] = [
  {
    name: 'html',
    file: 'report.html',
    mediaType: 'text/html',
    meaning: 'The report for people: one file that loads nothing, for screen, phone and paper.',
    render: renderHtml,
    parts: renderHtmlParts,
  },
  {
    name: 'json',
    file: 'incidents.json',
    mediaType: 'application/json',
    meaning: 'Everything in the report for programs, after schema/incidents.schema.json.',
    render: renderJson,
    parts: renderJsonParts,
  },
  {
    name: 'csv',
    file: 'incidents.csv',
    mediaType: 'text/csv',
    meaning: 'One line per incident, for spreadsheets.',
    render: renderIncidentsCsv,
    parts: renderIncidentsCsvParts,
  },
];
