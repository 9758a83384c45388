import { ByteWriter, wireText } from './bytes.ts';

/** TFTP: RFC 1350, options RFC 2347 to 2349. Only the request goes to port 69; what follows is on ports of its own. */

const OPERATIONS = ['', 'read', 'write', 'data', 'acknowledge', 'error', 'option-acknowledge'] as const;
export type TftpOperation = Exclude<(typeof OPERATIONS)[number], ''>;

const MODES = new Set(['netascii', 'octet', 'mail']);
const MAX_FILE = 255;
const MAX_OPTIONS = 16;

export interface TftpMessage {
  readonly operation: TftpOperation;
  /** Of a read or write request. */
  readonly file: string | undefined;
  /** 'netascii', 'octet' or 'mail'. */
  readonly mode: string | undefined;
  /** Names and values of options, lower case names, at most 16. */
  readonly options: readonly (readonly [name: string, value: string])[];
  /** Block of data or acknowledgement. */
  readonly block: number | undefined;
  /** Code (0 to 8) and text of an error. */
  readonly error: { readonly code: number; readonly message: string } | undefined;
}

/** The message at [at, end), a UDP payload; undefined when it is none. */
export function decodeTftp(bytes: Uint8Array, at: number, end: number): TftpMessage | undefined {
  const stop = Math.min(end, bytes.length);
  if (stop - at < 4 || bytes[at] !== 0 || bytes[at + 1] < 1 || bytes[at + 1] > 6) return undefined;
  const operation = OPERATIONS[bytes[at + 1]] as TftpOperation;
  const none = { operation, file: undefined, mode: undefined, options: [], block: undefined, error: undefined };
  const number = (bytes[at + 2] << 8) | bytes[at + 3];
  switch (operation) {
    case 'data':
      return { ...none, block: number };
    case 'acknowledge':
      return stop - at === 4 ? { ...none, block: number } : undefined;
    case 'error': {
      const textEnd = nulEnd(bytes, at + 4, stop);
      if (number > 8 || textEnd < 0) return undefined;
      return { ...none, error: { code: number, message: wireText(bytes, at + 4, textEnd, MAX_FILE) } };
    }
    case 'option-acknowledge': {
      const options = decodeOptions(bytes, at + 2, stop);
      return options === undefined || options.length === 0 ? undefined : { ...none, options };
    }
    default: {
      const fileEnd = nulEnd(bytes, at + 2, stop);
      const modeEnd = fileEnd < 0 ? -1 : nulEnd(bytes, fileEnd + 1, stop);
      if (modeEnd < 0 || fileEnd === at + 2) return undefined;
      const mode = wireText(bytes, fileEnd + 1, modeEnd, 16).toLowerCase();
      if (!MODES.has(mode)) return undefined;
      const file = wireText(bytes, at + 2, fileEnd, MAX_FILE);
      return { ...none, file, mode, options: decodeOptions(bytes, modeEnd + 1, stop) ?? [] };
    }
  }
}

function nulEnd(bytes: Uint8Array, from: number, to: number): number {
  const length = from < to ? bytes.subarray(from, to).indexOf(0) : -1;
  return length < 0 ? -1 : from + length;
}

/** Name, NUL, value, NUL, ...; undefined when the last one has no end. */
function decodeOptions(bytes: Uint8Array, from: number, to: number): [string, string][] | undefined {
  const options: [string, string][] = [];
  let here = from;
  while (here < to && options.length < MAX_OPTIONS) {
    const nameEnd = nulEnd(bytes, here, to);
    const valueEnd = nameEnd < 0 ? -1 : nulEnd(bytes, nameEnd + 1, to);
    if (valueEnd < 0) return undefined;
    options.push([wireText(bytes, here, nameEnd, 32).toLowerCase(), wireText(bytes, nameEnd + 1, valueEnd, 32)]);
    here = valueEnd + 1;
  }
  return options;
}

/** True for a read or write request with a printable file name and a mode that exists. The other messages have too little of their own. */
export function looksLikeTftp(bytes: Uint8Array, at: number, end: number): boolean {
  if (end - at < 8 || bytes[at] !== 0 || (bytes[at + 1] !== 1 && bytes[at + 1] !== 2)) return false;
  if (decodeTftp(bytes, at, end) === undefined) return false;
  for (let i = at + 2; bytes[i] !== 0; i++) if (bytes[i] < 0x20 || bytes[i] === 0x7f) return false;
  return true;
}

/** A read or write request. */
export function encodeTftpRequest(fields: {
  operation: 'read' | 'write';
  file: string;
  mode?: string;
  options?: readonly (readonly [name: string, value: string])[];
}): Uint8Array {
  const { operation, file, mode = 'octet', options = [] } = fields;
  const out = new ByteWriter()
    .u16(operation === 'read' ? 1 : 2)
    .text(file)
    .u8(0)
    .text(mode)
    .u8(0);
  for (const [name, value] of options) out.text(name).u8(0).text(value).u8(0);
  return out.finish();
}

export function summarizeTftp(message: TftpMessage): string {
  if (message.file !== undefined) return `TFTP ${message.operation} ${message.file} (${message.mode})`;
  if (message.error !== undefined) return `TFTP error ${message.error.code} ${message.error.message}`.trimEnd();
  return `TFTP ${message.operation}${message.block === undefined ? '' : ` ${message.block}`}`;
}
