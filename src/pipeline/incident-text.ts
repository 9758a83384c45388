import * as fs from 'node:fs';
import { INCIDENTS_SCHEMA_VERSION } from '../report/index.ts';

/** An incident as it stands in an incidents.json. */
export interface IncidentText {
  readonly id: string;
  /** As `incidentJson` writes it. */
  readonly text: string;
}

const PIECE_BYTES = 1 << 20;
/** What no incident takes. */
const MOST_BYTES = 64 << 20;
/** Between what stands before an object that is a member of a list of the document, and the object; of incidents alone the first member is an id. */
const BEGIN = '\n    ';
const FIRST = `${BEGIN}{\n      "id": "`;
/** Where such an object ends: whatever is in it stands further in, and no text has a line break. */
const END = '\n    }';
const NAMES = /^\{\n {6}"id": "([^"\\]+)",\n {6}"rank": (\d+),/;
const HEAD = `{\n  "schemaVersion": ${JSON.stringify(INCIDENTS_SCHEMA_VERSION)},\n`;

/**
 * Looks for an incident by id or rank in a report of any size, in the memory that one incident takes. Undefined where it is not there, or the file is not as this version writes it, or can't be read: whoever reads
 * the whole of it can tell which.
 */
export function findIncidentText(file: string, wanted: string): IncidentText | undefined {
  try {
    for (const text of objectsOf(file)) {
      const [, id, rank] = NAMES.exec(text) ?? [];
      if (id !== undefined && (id === wanted || rank === wanted)) return { id, text };
    }
    return undefined;
  } catch {
    return undefined;
  }
}

/** What begins like an incident. */
function* objectsOf(file: string): Generator<string> {
  const fd = fs.openSync(file, 'r');
  try {
    const piece = Buffer.alloc(PIECE_BYTES);
    let held = Buffer.alloc(0);
    for (let at = 0, n = fs.readSync(fd, piece); n > 0; n = fs.readSync(fd, piece)) {
      held = Buffer.concat([held, piece.subarray(0, n)]);
      if (at === 0 && held.toString('latin1', 0, HEAD.length) !== HEAD) return;
      at += n;
      let from = 0;
      for (let end = held.indexOf(END); end >= 0; end = held.indexOf(END, from)) {
        const to = end + END.length;
        const begin = held.subarray(from, to).lastIndexOf(FIRST);
        if (begin >= 0) yield held.toString('utf8', from + begin + BEGIN.length, to);
        from = to;
      }
      held = held.subarray(from);
      if (held.length > MOST_BYTES) return;
    }
  } finally {
    fs.closeSync(fd);
  }
}
