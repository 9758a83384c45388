import * as fs from 'node:fs';
import * as path from 'node:path';
import { UserError } from '../core/index.ts';
import { describeFileError } from '../io/index.ts';

/**
 * A file that a person edits, as text: UTF-8, or UTF-16 with its byte order mark, as editors and shells of Windows write it. Throws UserError where the file can't be read, and with the line where it is neither: a
 * letter that was taken for another would be written back so.
 * @param latin takes bytes that are no UTF-8 as Windows-1252 instead, for files that are only read.
 */
export function readTextFile(file: string, { latin = false }: { readonly latin?: boolean } = {}): string {
  let bytes: Uint8Array;
  try {
    bytes = fs.readFileSync(path.resolve(file));
  } catch (error) {
    throw describeFileError(error, file, 'read');
  }
  const [first, second] = bytes;
  if (first === 0xff && second === 0xfe) return new TextDecoder('utf-16le').decode(bytes);
  if (first === 0xfe && second === 0xff) return new TextDecoder('utf-16be').decode(bytes);
  const text = utf8(bytes);
  if (text !== undefined) return text;
  if (latin) return new TextDecoder('windows-1252').decode(bytes);
  throw new UserError(`${file}:${badLine(bytes)}: not UTF-8 text`, 'save it as UTF-8');
}

/** Undefined for what is none. */
function utf8(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    return undefined;
  }
}

/** The first line that is no UTF-8, from 1. */
function badLine(bytes: Uint8Array): number {
  for (let line = 1, at = 0; ; line++) {
    const end = bytes.indexOf(0x0a, at);
    if (end < 0 || utf8(bytes.subarray(at, end)) === undefined) return line;
    at = end + 1;
  }
}
