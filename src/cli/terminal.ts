import { styleText } from 'node:util';
import { ExpressionError, type RemoteError, safeText, type UserError } from '../core/index.ts';

/** True when output to the stream may carry colour: it is a terminal and NO_COLOR is not set, or FORCE_COLOR is (https://no-color.org). */
export function wantsColor(stream: { readonly isTTY?: boolean }): boolean {
  const { NO_COLOR, FORCE_COLOR, TERM } = process.env;
  if (NO_COLOR !== undefined && NO_COLOR !== '') return false;
  if (FORCE_COLOR !== undefined && FORCE_COLOR !== '' && FORCE_COLOR !== '0') return true;
  return stream.isTTY === true && TERM !== 'dumb';
}

/** Columns of the terminal, 80 where there is none. */
export function terminalWidth(stream: { readonly columns?: number }): number {
  return stream.columns !== undefined && stream.columns >= 40 ? stream.columns : 80;
}

/** Writes all of a text to standard output, also when it is a pipe that is slower than we are. What to do when that fails is the entry script's to say. */
export function print(text: string): Promise<void> {
  return new Promise((resolve) => {
    process.stdout.write(text, () => resolve());
  });
}

/** Something for the person at the terminal; never mixed into data on standard output. */
export function note(text: string): void {
  process.stderr.write(`${text}\n`);
}

/** An operator's mistake, or the failure of what they named, as it is shown: what is wrong, then what would be right. File names in it may hold anything. */
export function showUserError(error: UserError | RemoteError): void {
  const color = wantsColor(process.stderr);
  const word = color ? styleText(['red', 'bold'], 'error', { validateStream: false }) : 'error';
  note(`${word}: ${safeText(error.message, 1000)}`);
  if (error instanceof ExpressionError) for (const line of error.excerpt) note(`  ${line}`);
  if (error.hint !== undefined) note(`  ${safeText(error.hint, 1000)}`);
}
