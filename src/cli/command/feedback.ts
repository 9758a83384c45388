import * as path from 'node:path';
import { createInterface } from 'node:readline/promises';
import type { Command } from 'commander';
import { counted, EXIT, isoTime, nearest, safeText, UserError } from '../../core/index.ts';
import type { Detection } from '../../detect/index.ts';
import {
  describeRule,
  type Feedback,
  groupWithFeedback,
  type Incident,
  type IncidentLabel,
  limitsOf,
  priorReliability,
  reliabilityByLabels,
  SCOPE_PARTS,
  type ScopePart,
  type SuppressionRule,
  scopeOf,
} from '../../incident/index.ts';
import { parseDuration } from '../../io/index.ts';
import {
  type Archive,
  assembleResult,
  assembleSettingsOf,
  FEEDBACK_FILE,
  type FeedbackFile,
  INCIDENTS_FILE,
  noteAlerts,
  readArchive,
  readReport,
  requireWhole,
} from '../../pipeline/index.ts';
import type { AnalysisResult } from '../../report/index.ts';
import { feedbackOrEmpty, reportFolder, rewriteReport, writeFeedback } from '../feedback-file.ts';
import { note, print } from '../terminal.ts';

interface FeedbackFlags {
  readonly report: string;
  readonly suppressions?: string;
  readonly scope?: ScopePart[];
  readonly expires?: number;
  readonly reason?: string;
  readonly remove?: string;
  readonly yes?: boolean;
}

const DAY_MS = 86_400_000;
const DEFAULT_EXPIRY_MS = 30 * DAY_MS;
const MAX_EXPIRY_MS = 3650 * DAY_MS;
const DEFAULT_SCOPE: readonly ScopePart[] = ['detector', 'source', 'destination', 'port'];
const MAX_LISTED = 20;

/** Declares `feedback`; its action reports the exit code through `done`. */
export function addFeedbackCommand(program: Command, done: (code: number) => void): void {
  program
    .command('feedback')
    .summary('say of an incident whether it was harmless, and hide what is like it')
    .description(
      'Labels an incident of a report. benign makes a rule that hides the same behaviour from now on, within a scope, until it expires, and only as long as it does not change; malicious makes sure that no rule hides it. Labels also move how reliable its detectors are taken to be. Shows what would change first, and asks; the report is written anew at once, and every later analysis into the same folder says what was hidden by which rule. Without arguments it lists rules and labels.',
    )
    .argument('[incident]', 'an incident by its id or rank in the report')
    .argument('[label]', 'benign or malicious')
    .option('--report <folder>', 'folder of the report', './anomalyst-out')
    .option(
      '--suppressions <yaml>',
      `the file to keep it in (default: the one that the report was made with, ${FEEDBACK_FILE} beside it)`,
    )
    .option(
      '--scope <parts>',
      `what the rule is bound to: ${SCOPE_PARTS.join(', ')} (default: ${DEFAULT_SCOPE.join(',')}, as far as the incident has them)`,
      scopeParts,
    )
    .option('--expires <time>', 'traffic so long after the end of the report is shown again (default: 30d)', expiry)
    .option('--reason <text>', 'why, for whoever reads it later')
    .option('--remove <rule>', 'take a rule away, with its label where that has no other rule')
    .option('-y, --yes', 'do not ask')
    .addHelpText(
      'after',
      '\nExamples:\n  anomalyst feedback 3 benign --reason "backup to the other site"\n  anomalyst feedback inc-26550e03ff93 benign --scope detector,source,organisation --expires 90d --yes\n  anomalyst feedback 1 malicious --yes\n  anomalyst feedback --remove s3 --yes\n  anomalyst feedback\n\nExit codes: 0 done, 2 your mistake, or nothing was written because nobody said yes.',
    )
    .action(async (incident: string | undefined, label: string | undefined, flags: FeedbackFlags) => {
      done(await runFeedback(incident, label, flags));
    });
}

async function runFeedback(
  wanted: string | undefined,
  label: string | undefined,
  flags: FeedbackFlags,
): Promise<number> {
  const folder = reportFolder(flags.report);
  const archive = readArchive(folder);
  const file = flags.suppressions ?? path.join(folder, archive.settings.feedbackFile);
  const before = feedbackOrEmpty(file);
  if (flags.remove !== undefined) {
    if (wanted !== undefined)
      throw new UserError('--remove and an incident exclude each other', 'run anomalyst feedback once for each');
    const ids = before.feedback.rules.map(({ id }) => id);
    const after = before.without(flags.remove);
    if (after === undefined) {
      const near = nearest(flags.remove, ids);
      throw new UserError(
        `${file} has no rule ${flags.remove}`,
        near !== undefined
          ? `did you mean '${near}'?`
          : ids.length === 0
            ? 'it has none at all'
            : `rules: ${ids.slice(0, 10).join(', ')}`,
      );
    }
    return await change(
      folder,
      file,
      archive,
      before,
      after,
      [
        `Rule ${flags.remove} is taken away${after.feedback.labels.length < before.feedback.labels.length ? ', with its label' : ''}.`,
      ],
      flags,
    );
  }
  if (wanted === undefined) {
    await print(listing(file, before.feedback));
    return EXIT.done;
  }
  if (label !== 'benign' && label !== 'malicious')
    throw new UserError(
      label === undefined ? 'the label is missing' : `unknown label '${label}'`,
      `for example anomalyst feedback ${safeText(wanted, 40)} benign; labels are benign and malicious`,
    );
  requireWhole(archive);
  const { incident, detections } = await findIncident(archive, before.feedback, wanted);
  const today = Math.floor(Date.now() / DAY_MS) * DAY_MS;
  const rules = label === 'benign' ? rulesFor(incident, detections, archive, before, today, flags) : [];
  const after = before.with(
    {
      incident: incident.id,
      label,
      detectors: [...new Set(detections.map(({ detector }) => detector))].sort(),
      atMs: today,
      ...(flags.reason === undefined ? {} : { reason: flags.reason }),
    },
    rules.map(({ rule }) => rule),
  );
  const words = [
    `Incident ${incident.rank} (${incident.id}): ${safeText(incident.title, 300)}`,
    ...(rules.length === 0 ? labelWords(label) : rules.flatMap((one) => one.words)),
  ];
  return await change(folder, file, archive, before, after, words, flags);
}

function labelWords(label: IncidentLabel): string[] {
  return [`Labelled ${label}: no rule hides it.`];
}

/** The incident with the detections that it was made of, looked for in the report as it stands and then with nothing hidden. */
async function findIncident(
  archive: Archive,
  feedback: Feedback,
  wanted: string,
): Promise<{ readonly incident: Incident; readonly detections: readonly Detection[] }> {
  const settings = assembleSettingsOf(archive);
  const weights = settings.importanceOf === undefined ? {} : { weights: { importanceOf: settings.importanceOf } };
  const tried: Incident[] = [];
  for (const rules of [archive.settings.feedback, { ...feedback, rules: [] }]) {
    const members = new Map<string, readonly Detection[]>();
    const { incidents } = groupWithFeedback(archive.parts.detections, rules, {
      context: { isHome: settings.isHome },
      ...weights,
      onGroup: (one, detections) => members.set(one.id, detections),
    });
    if (tried.length === 0) tried.push(...incidents);
    const incident = incidents.find(({ id, rank }) => id === wanted || String(rank) === wanted);
    const detections = members.get(incident?.id ?? '');
    if (incident !== undefined && detections !== undefined) return { incident, detections };
  }
  throw new UserError(
    `the report has no incident ${wanted}`,
    tried.length === 0
      ? 'it has none at all'
      : `give an id such as ${tried[0]?.id ?? ''}, or a rank from 1 to ${tried.length}`,
  );
}

interface RuleMade {
  readonly rule: SuppressionRule;
  readonly words: readonly string[];
}

/** A rule for each detector of an incident, so that the limits of a search with its hundreds of peers do not hold for the guessing beside it; one for all where the scope has no detector. */
function rulesFor(
  incident: Incident,
  detections: readonly Detection[],
  archive: Archive,
  before: FeedbackFile,
  today: number,
  flags: FeedbackFlags,
): RuleMade[] {
  const byDetector = Map.groupBy(detections, ({ detector }) => detector);
  const parts = (flags.scope ?? DEFAULT_SCOPE).includes('detector')
    ? [...byDetector].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, own]) => own)
    : [detections];
  return parts.map((own, i) => ruleFor(incident, own, archive, before.nextId(i), today, flags));
}

function ruleFor(
  incident: Incident,
  detections: readonly Detection[],
  archive: Archive,
  id: string,
  today: number,
  flags: FeedbackFlags,
): RuleMade {
  const { scope, missing } = scopeOf(detections, flags.scope ?? DEFAULT_SCOPE);
  const [first] = missing;
  if (flags.scope !== undefined && first !== undefined)
    throw new UserError(
      `--scope ${first.part}: the incident can't be bound to it, because ${first.why}`,
      'leave it out',
    );
  if (scope.source === undefined && scope.destination === undefined && scope.organisation === undefined)
    throw new UserError(
      'the scope names no host: the rule would hide this of everybody',
      'add source, destination or organisation to --scope',
    );
  // Rows without a time have 0 for it, and are never later than anything.
  const end = archive.parts.base.run.lastMs ?? (incident.lastMs === 0 ? undefined : incident.lastMs);
  const expiresMs =
    end === undefined ? undefined : Math.ceil((end + (flags.expires ?? DEFAULT_EXPIRY_MS)) / DAY_MS) * DAY_MS;
  if (expiresMs === undefined && flags.expires !== undefined)
    throw new UserError('--expires: the rows have no time, so nothing can be later', 'leave it out');
  const rule: SuppressionRule = {
    id,
    incident: incident.id,
    createdMs: today,
    ...(expiresMs === undefined ? {} : { expiresMs }),
    ...(flags.reason === undefined ? {} : { reason: flags.reason }),
    scope,
    limits: limitsOf(detections, incident.severity, scope),
  };
  const { limits } = rule;
  const bounds = [
    ...(limits.flowsPerHour === undefined ? [] : [`${limits.flowsPerHour} flows an hour`]),
    ...(limits.peers === undefined ? [] : [counted(limits.peers, 'peer')]),
    ...(limits.ports === undefined
      ? []
      : [`ports ${limits.ports.slice(0, 8).join(', ') || 'none'}${limits.ports.length > 8 ? ' ...' : ''}`]),
    ...(limits.kinds === undefined ? [] : [`kinds ${limits.kinds.join(', ')}`]),
    ...(limits.organisations === undefined
      ? []
      : [`names of ${limits.organisations.map((one) => safeText(one, 80)).join(', ')}`]),
    ...(limits.hardware === undefined ? [] : [`hardware addresses ${limits.hardware.join(', ')}`]),
    ...(limits.bytesPerFlow === undefined ? [] : [`${limits.bytesPerFlow} bytes a flow`]),
    ...(limits.severity === undefined ? [] : [`severity ${limits.severity}`]),
  ];
  return {
    rule,
    words: [
      `Rule ${rule.id}: ${safeText(describeRule(rule), 400)}.`,
      `It holds up to ${bounds.join(', ')}; beyond that${expiresMs === undefined ? '' : `, or from ${isoTime(expiresMs).slice(0, 10)} on`}, it hides nothing.`,
      ...missing.map(({ part, why }) => `It is not bound to ${part}, because ${why}.`),
    ],
  };
}

/** Shows what would change, asks, and writes: the suppressions, the report, its archive. */
async function change(
  folder: string,
  file: string,
  archive: Archive,
  before: FeedbackFile,
  after: FeedbackFile,
  words: readonly string[],
  flags: FeedbackFlags,
): Promise<number> {
  requireWhole(archive);
  const { base, detections } = archive.parts;
  const now = await assembleResult(base, detections, assembleSettingsOf(archive, before.feedback));
  const settingsThen = assembleSettingsOf(archive, after.feedback);
  const then = await assembleResult(base, detections, settingsThen);
  await print(`${[...words, ...difference(now, then)].join('\n')}\n`);
  if (flags.yes !== true && !(await agreed())) {
    note('nothing was written');
    return EXIT.yourMistake;
  }
  writeFeedback(file, after);
  const settings = {
    ...archive.settings,
    feedback: after.feedback,
    feedbackFile: path.relative(path.resolve(folder), path.resolve(file)),
  };
  rewriteReport(folder, withOpinions(then, folder), { ...archive, settings });
  const { alertBudget } = archive.settings;
  // What is hidden now leaves its room in the budget to the next, also for later runs.
  if (alertBudget !== undefined && settingsThen.keeper?.latest !== undefined)
    noteAlerts(path.join(folder, alertBudget.file), settingsThen.keeper.latest);
  note(`written: ${safeText(file, 1000)}, and the report in ${safeText(folder, 1000)}`);
  return EXIT.done;
}

/** What a language model said of the incidents that stay stays beside them: it was not asked again. */
function withOpinions(then: AnalysisResult, folder: string): AnalysisResult {
  const said = new Map(
    readReport(path.join(folder, INCIDENTS_FILE)).incidents.flatMap(({ id, verdict: { opinions } }) =>
      opinions === undefined ? [] : [[id, opinions] as const],
    ),
  );
  const incidents = then.incidents.map((incident) => {
    const opinions = said.get(incident.id);
    return opinions === undefined ? incident : { ...incident, verdict: { ...incident.verdict, opinions } };
  });
  return { ...then, incidents };
}

async function agreed(): Promise<boolean> {
  if (!process.stdin.isTTY) {
    note('nobody is there to ask: --yes says yes');
    return false;
  }
  const ask = createInterface({ input: process.stdin, output: process.stderr });
  try {
    return /^y(?:es)?$/i.test((await ask.question('Write this? [y/N] ')).trim());
  } finally {
    ask.close();
  }
}

/** What the report would lose, gain, and rate in another way. */
function difference(now: AnalysisResult, then: AnalysisResult): string[] {
  const before = new Map(now.incidents.map((one) => [one.id, one]));
  const after = new Map(then.incidents.map((one) => [one.id, one]));
  const line = ({ severity, id, title }: Incident): string => `  ${severity} ${id} ${safeText(title, 120)}`;
  const gone = now.incidents.filter(({ id }) => !after.has(id));
  const come = then.incidents.filter(({ id }) => !before.has(id));
  const moved = then.incidents.flatMap((one) => {
    const old = before.get(one.id);
    return old === undefined || old.severity === one.severity
      ? []
      : [`  ${old.severity} to ${one.severity}: ${one.id} ${safeText(one.title, 120)}`];
  });
  const listed = (title: string, lines: readonly string[]): string[] =>
    lines.length === 0
      ? []
      : [
          title,
          ...lines.slice(0, MAX_LISTED),
          ...(lines.length > MAX_LISTED ? [`  and ${lines.length - MAX_LISTED} more`] : []),
        ];
  const hidden = then.run.feedback?.hidden ?? 0;
  const text = [
    ...listed(`Gone from the report (${counted(gone.length, 'incident')}):`, gone.map(line)),
    ...listed(`New in the report (${counted(come.length, 'incident')}):`, come.map(line)),
    ...listed(`Rated in another way (${counted(moved.length, 'incident')}):`, moved),
  ];
  return [
    ...(text.length === 0 ? ['On what is stored it changes no incident.'] : text),
    `Hidden in all: ${counted(hidden, 'detection')}; incidents: ${now.incidents.length} before, ${then.incidents.length} after.`,
  ];
}

function listing(file: string, { rules, labels }: Feedback): string {
  const name = safeText(file, 1000);
  if (rules.length === 0 && labels.length === 0) return `${name}: no rules and no labels\n`;
  const lines = [
    `${name}: ${counted(rules.length, 'rule')}, ${counted(labels.length, 'label')}`,
    ...rules.map(
      (rule) =>
        `  ${rule.id}  ${safeText(describeRule(rule), 300)}${rule.reason === undefined ? '' : `  (${safeText(rule.reason, 120)})`}`,
    ),
    ...labels
      .slice(-MAX_LISTED)
      .map(({ incident, label, detectors }) => `  ${incident}  ${label}  ${safeText(detectors.join(', '), 120)}`),
    ...reliabilityByLabels(labels).map(
      ({ detector, now, malicious, benign }) =>
        `  detector ${safeText(detector, 40)}: reliability ${now.toFixed(2)}, measured ${priorReliability(detector).toFixed(2)} (${malicious} malicious, ${benign} benign)`,
    ),
  ];
  return `${lines.join('\n')}\n`;
}

function scopeParts(text: string): ScopePart[] {
  const known: readonly string[] = SCOPE_PARTS;
  return text.split(',').map((part) => {
    const name = part.trim();
    const found = SCOPE_PARTS.find((one) => one === name);
    if (found !== undefined) return found;
    const near = nearest(name, known);
    throw new UserError(
      `--scope: unknown part '${safeText(name, 60)}'`,
      near === undefined ? `parts: ${known.join(', ')}` : `did you mean '${near}'?`,
    );
  });
}

function expiry(text: string): number {
  const ms = parseDuration('--expires', text);
  if (ms > MAX_EXPIRY_MS)
    throw new UserError(`--expires ${text}: a rule lasts ten years at most`, 'for example --expires 90d');
  return ms;
}
