import * as fs from 'node:fs';
import * as path from 'node:path';
import type { Command } from 'commander';
import { counted, EXIT, humanBytes, safeText, UserError } from '../../core/index.ts';
import { describeFileError } from '../../io/index.ts';
import { ARCHIVE_FILE, productVersion, readArchive, replayIncident } from '../../pipeline/index.ts';
import { incidentJson } from '../../report/index.ts';
import { reportFolder } from '../feedback-file.ts';
import { findIncident } from '../incident-filter.ts';
import { note, print } from '../terminal.ts';

interface ReplayFlags {
  readonly report: string;
  readonly json?: boolean;
  readonly quiet?: boolean;
}

/** Declares `replay`; its action reports the exit code through `done`. */
export function addReplayCommand(program: Command, done: (code: number) => void): void {
  program
    .command('replay')
    .summary('make an incident again from what its report was made of, and compare')
    .description(
      'Takes the detections, the settings, the suppressions and the labels that analyze keeps in the archive of a report, makes the incident again, and says whether it is the stored one byte for byte, or what differs.',
    )
    .argument('<incident>', 'an incident by its id or rank in the report')
    .option('--report <folder>', 'folder of the report', './anomalyst-out')
    .option('--json', 'print the incident as it comes out, as JSON')
    .option('-q, --quiet', 'print nothing but errors')
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
  const { id } = findIncident(file, wanted);
  const archive = readArchive(folder);
  let stored: string;
  try {
    stored = fs.readFileSync(file, 'utf8');
  } catch (error) {
    throw describeFileError(error, file, 'read');
  }
  const { incident, isSame, differences } = await replayIncident(archive, stored, id);
  if (flags.json === true && incident !== undefined) await print(`${incidentJson(incident)}\n`);
  const { run } = archive.parts.base;
  if (flags.quiet !== true) {
    const bytes = fs.statSync(path.join(folder, ARCHIVE_FILE)).size;
    note(
      `made again by anomalyst ${productVersion()} from ${counted(archive.parts.detections.length, 'detection')} in ${ARCHIVE_FILE} (${humanBytes(bytes)}), written by ${safeText(archive.tool, 40)}; seed ${run.seed}${run.model === undefined ? '' : `, model ${safeText(run.model.kind, 40)} ${run.model.checksum.slice(0, 12)}`}`,
    );
  }
  if (isSame) {
    if (flags.quiet !== true) note(`${id}: identical, byte for byte`);
    return EXIT.done;
  }
  note(`${id}: it differs`);
  for (const difference of differences) note(`  ${safeText(difference, 400)}`);
  if (incident === undefined && differences.length === 0)
    throw new UserError(`${id} does not come out of the archive`, 'run anomalyst analyze again');
  return EXIT.ourFault;
}
