import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import type { Command } from 'commander';
import { counted, EXIT, humanBytes, safeText } from '../../core/index.ts';
import { describeFileError } from '../../io/index.ts';
import {
  ARCHIVE_FILE,
  type Archive,
  type DetectedAgain,
  detectAgain,
  findIncidentText,
  type IncidentText,
  openRecords,
  productVersion,
  RECORDS_FILE,
  readArchive,
  replayIncident,
  StoredRecords,
} from '../../pipeline/index.ts';
import { incidentJson } from '../../report/index.ts';
import { storedPlan } from '../definitions.ts';
import { reportFolder } from '../feedback-file.ts';
import { findIncident } from '../incident-filter.ts';
import { note, print } from '../terminal.ts';

interface ReplayFlags {
  readonly report: string;
  readonly detections?: boolean;
  readonly json?: boolean;
  readonly quiet?: boolean;
}

/** Declares `replay`; its action reports the exit code through `done`. */
export function addReplayCommand(program: Command, done: (code: number) => void): void {
  program
    .command('replay')
    .summary('make an incident again from the stored records, and compare')
    .description(
      'Reads the records that analyze stores beside a report, runs features, model, detectors and incidents on them again with the stored settings and seed, and says whether the incident is the stored one byte for byte, or what differs. Where the records are missing or were too many it says so, and begins at the stored detections.',
    )
    .argument('<incident>', 'an incident by its id or rank in the report')
    .option('--report <folder>', 'folder of the report', './anomalyst-out')
    .option('--detections', 'begin at the stored detections: quicker, and detectors do not run')
    .option('--json', 'print the incident as it comes out, as JSON')
    .option('-q, --quiet', 'print nothing but errors and differences')
    .addHelpText(
      'after',
      '\nExamples:\n  anomalyst replay 1\n  anomalyst replay inc-26550e03ff93 --report monday\n\nExit codes: 0 identical, 1 it differs, 2 your mistake.',
    )
    .action(async (incident: string, flags: ReplayFlags) => {
      done(await runReplay(incident, flags));
    });
}

async function runReplay(wanted: string, flags: ReplayFlags): Promise<number> {
  const folder = reportFolder(flags.report);
  const file = path.join(folder, 'incidents.json');
  const { id, text: stored } = findIncidentText(file, wanted) ?? wholeReport(file, wanted);
  const archive = readArchive(folder);
  const say = (text: string): void => {
    if (flags.quiet !== true) note(text);
  };
  const again = flags.detections === true ? undefined : await fromRecords(folder, archive, say);
  if (again === undefined)
    say(
      `made again by anomalyst ${productVersion()} from ${counted(archive.parts.detections.length, 'stored detection')} in ${sized(folder, ARCHIVE_FILE)}: incidents, severity, suppressions, budget and verdict; the detectors did not run`,
    );
  const { incident, isSame, differences, remarks } = await replayIncident(archive, stored, id, again);
  if (flags.json === true && incident !== undefined) await print(`${incidentJson(incident)}\n`);
  if (again !== undefined && remarks.length === 0)
    say(
      `${again.detections.length === 1 ? 'the one detection of the run is' : `all ${counted(again.detections.length, 'detection')} of the run are`} the stored ${again.detections.length === 1 ? 'one' : 'ones'}`,
    );
  if (remarks.length > 0) {
    note('of the whole run this differs:');
    for (const remark of remarks) note(`  ${safeText(remark, 400)}`);
  }
  if (isSame) {
    say(`${id}: identical, byte for byte`);
    return EXIT.done;
  }
  note(`${id}: it differs`);
  for (const difference of differences) note(`  ${safeText(difference, 400)}`);
  return EXIT.ourFault;
}

/** As `findIncidentText`, of a report that somebody has written anew, and with what is wrong where there is something. */
function wholeReport(file: string, wanted: string): IncidentText {
  const { id } = findIncident(file, wanted);
  try {
    return { id, text: fs.readFileSync(file, 'utf8') };
  } catch (error) {
    throw describeFileError(error, file, 'read');
  }
}

/** What the detectors say of the stored records; undefined, and told why, where they can't be run. */
async function fromRecords(
  folder: string,
  archive: Archive,
  say: (text: string) => void,
): Promise<DetectedAgain | undefined> {
  const opened = openRecords(archive, (kept) => new StoredRecords(folder, kept));
  if ('why' in opened) {
    note(`${safeText(opened.why, 1000)}; so this begins at the stored detections`);
    return undefined;
  }
  const { stored } = opened;
  const { settings, parts } = archive;
  const { seed, model } = parts.base.run;
  const again = await detectAgain(archive, stored, {
    scratchFolder: scratchFolder(folder),
    plan: (file) => storedPlan(file, archive),
  });
  const given = stored.given.map(({ role }) => role);
  say(
    `made again by anomalyst ${productVersion()} from ${counted(stored.rows, settings.kind === 'rows' ? 'row' : 'flow')} in ${sized(folder, RECORDS_FILE)}, written by ${safeText(archive.tool, 40)}: features, model, detectors, incidents; seed ${seed}${model === undefined ? '' : `, model ${safeText(model.kind, 40)} ${again.model?.slice(0, 12) ?? 'none'} ${given.includes('model') ? 'as given' : 'fitted again'}`}`,
  );
  return again;
}

function sized(folder: string, name: string): string {
  return `${name} (${humanBytes(fs.statSync(path.join(folder, name)).size)})`;
}

/** The folder of the report, where it can be written to: as in the analysis. */
function scratchFolder(folder: string): string {
  try {
    fs.accessSync(folder, fs.constants.W_OK);
    return folder;
  } catch {
    return os.tmpdir();
  }
}
