import { createHash } from 'node:crypto';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { canonicalJson, type Json } from '../../core/index.ts';
import { describeFileError } from '../../io/index.ts';

/** What makes two questions the same one. */
export interface QuestionKey {
  /** The system text and the brief, as they would be sent. */
  readonly prompt: string;
  /** Of the template, so that a new wording is a new question. */
  readonly promptVersion: string;
  readonly provider: string;
  readonly model: string;
}

/** 32 hex digits that stand for a question. */
export function questionKey(key: QuestionKey): string {
  const text = canonicalJson({
    prompt: key.prompt,
    promptVersion: key.promptVersion,
    provider: key.provider,
    model: key.model,
  });
  return createHash('sha256').update(text).digest('hex').slice(0, 32);
}

/** Longest file that is read back. */
const MAX_BYTES = 1 << 20;
const VERSION = 1;

/**
 * Answers on disk, one file a question: what was answered is never asked again, and a run that was stopped goes on where it was. A file is written whole
 * or not at all. One that is damaged, too long or of another version counts as none. Failures are never stored.
 */
export class AnswerStore {
  readonly folder: string;

  constructor(folder: string) {
    this.folder = folder;
  }

  /** The answer, undefined where there is none. Throws UserError where the folder can't be read. */
  read(key: string): Json | undefined {
    const file = this.#file(key);
    let text: string;
    try {
      if (fs.statSync(file).size > MAX_BYTES) return undefined;
      text = fs.readFileSync(file, 'utf8');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      throw describeFileError(error, file, 'read');
    }
    try {
      const value = JSON.parse(text) as { readonly version?: unknown; readonly key?: unknown; readonly answer?: Json };
      return value.version === VERSION && value.key === key ? value.answer : undefined;
    } catch (error) {
      if (error instanceof SyntaxError) return undefined;
      throw error;
    }
  }

  /** Throws UserError where the disk does not take it. */
  write(key: string, answer: Json): void {
    const file = this.#file(key);
    const draft = `${file}.${process.pid}.tmp`;
    try {
      fs.mkdirSync(this.folder, { recursive: true });
      fs.writeFileSync(draft, `${JSON.stringify({ version: VERSION, key, answer })}\n`, { mode: 0o600 });
      fs.renameSync(draft, file);
    } catch (error) {
      const failure = describeFileError(error, file, 'write');
      try {
        fs.rmSync(draft, { force: true });
      } catch {
        // What kept the draft from being written may keep it from being removed; the first failure is the one to tell.
      }
      throw failure;
    }
  }

  #file(key: string): string {
    if (!/^[0-9a-f]{8,64}$/.test(key)) throw new Error(`'${key}' is no key of a question`);
    return path.join(this.folder, `${key}.json`);
  }
}
