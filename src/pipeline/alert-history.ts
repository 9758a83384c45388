import * as fs from 'node:fs';
import * as path from 'node:path';
import { z } from 'zod';
import { UserError } from '../core/index.ts';
import { type AlertKeeper, MAX_PAST_ALERTS, type PastAlert, withAlerts } from '../incident/index.ts';
import { describeFileError, writeOutput } from '../io/index.ts';

/** Alerts that were shown, so that a budget of them holds from one run to the next: JSON, an alert a line. */
export const ALERTS_FILE = 'alerts.json';
const VERSION = 1;

const shape = z.strictObject({
  version: z.literal(VERSION),
  alerts: z
    .array(
      z.strictObject({
        ms: z.number(),
        incident: z.string().max(40),
        story: z.string().max(80),
        run: z.string().max(80),
      }),
    )
    .max(MAX_PAST_ALERTS),
});

/** The alerts in a file; none where there is no file yet. Throws UserError where it can't be read, or is something else. */
export function readAlerts(file: string): readonly PastAlert[] {
  let text: string;
  try {
    text = fs.readFileSync(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw describeFileError(error, file, 'read');
  }
  let plain: unknown;
  try {
    plain = JSON.parse(text);
  } catch {
    plain = undefined;
  }
  const parsed = shape.safeParse(plain);
  if (!parsed.success)
    throw new UserError(
      `${file} is damaged, or no list of alerts that were shown`,
      'take it away: the budget then begins anew',
    );
  return parsed.data.alerts;
}

/** Puts the alerts of a run into the file, in the place of those that the same run had there. Throws UserError where it can't be read or written. */
export function noteAlerts(file: string, latest: NonNullable<AlertKeeper['latest']>): void {
  const lines = withAlerts(readAlerts(file), latest)
    .map((alert) => `    ${JSON.stringify(alert)}`)
    .join(',\n');
  writeOutput(
    path.dirname(path.resolve(file)),
    path.basename(file),
    `{\n  "version": ${VERSION},\n  "alerts": [${lines === '' ? '' : `\n${lines}\n  `}]\n}\n`,
  );
}
