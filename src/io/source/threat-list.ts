import { closeSync, fstatSync, openSync, readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { UserError } from '../../core/index.ts';
import { type ThreatListInfo, ThreatLists } from '../../detect/index.ts';
import { describeFileError } from './input.ts';

/** Lists are read whole: a file may be so large, unpacked, in bytes. A million lines are about 20 MB, a MISP or STIX export of as many some hundred. */
export const MAX_THREAT_LIST_BYTES = 256 * 1024 * 1024;

/**
 * Reads threat lists from files, plain or gzip, in the forms that `ThreatLists` knows, each under the name of its file.
 * @throws UserError for a file that is missing, too large, or holds nothing that can be used.
 */
export function readThreatLists(files: readonly string[]): ThreatLists {
  const lists = new ThreatLists();
  for (const file of files) readThreatList(lists, file);
  return lists;
}

function readThreatList(lists: ThreatLists, file: string): ThreatListInfo {
  const bytes = read(file);
  const text = new TextDecoder().decode(bytes);
  return lists.add(text, basename(file));
}

function read(file: string): Uint8Array {
  let bytes: Buffer;
  try {
    const handle = openSync(file, 'r');
    try {
      if (fstatSync(handle).size > MAX_THREAT_LIST_BYTES) throw tooLarge(file);
      bytes = readFileSync(handle);
    } finally {
      closeSync(handle);
    }
  } catch (error) {
    if (error instanceof UserError) throw error;
    throw describeFileError(error, file, 'read');
  }
  return unpackThreatList(bytes, file);
}

/** A threat list as plain bytes, where it may be packed. Throws UserError where it is damaged or too large. */
export function unpackThreatList(bytes: Uint8Array, file: string): Uint8Array {
  if (bytes[0] !== 0x1f || bytes[1] !== 0x8b) return bytes;
  try {
    return gunzipSync(bytes, { maxOutputLength: MAX_THREAT_LIST_BYTES });
  } catch (error) {
    if (error instanceof RangeError) throw tooLarge(file);
    throw new UserError(`${file}: the gzip data is damaged`, 'fetch the list again');
  }
}

function tooLarge(file: string): UserError {
  return new UserError(
    `${file}: a threat list may be ${MAX_THREAT_LIST_BYTES / 1024 / 1024} MB at most`,
    'split it, or export it as plain lines',
  );
}
