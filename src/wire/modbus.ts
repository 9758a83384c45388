import { ByteWriter } from './bytes.ts';

/** Modbus/TCP: MODBUS Messaging on TCP/IP Implementation Guide V1.0b section 3 (MBAP header), MODBUS Application Protocol V1.1b3 (functions). */

const HEADER = 7;
const MAX_LENGTH = 254;
const EXCEPTION = 0x80;
const MAX_MESSAGES = 128;

interface ModbusFunction {
  readonly name: string;
  /** Changes outputs or registers of the device. */
  readonly isWrite: boolean;
  /** Bytes of a request behind the function code; -1 when it varies. */
  readonly requestBytes: number;
}

const FUNCTIONS = new Map<number, ModbusFunction>([
  [1, { name: 'read-coils', isWrite: false, requestBytes: 4 }],
  [2, { name: 'read-discrete-inputs', isWrite: false, requestBytes: 4 }],
  [3, { name: 'read-holding-registers', isWrite: false, requestBytes: 4 }],
  [4, { name: 'read-input-registers', isWrite: false, requestBytes: 4 }],
  [5, { name: 'write-single-coil', isWrite: true, requestBytes: 4 }],
  [6, { name: 'write-single-register', isWrite: true, requestBytes: 4 }],
  [7, { name: 'read-exception-status', isWrite: false, requestBytes: 0 }],
  [8, { name: 'diagnostics', isWrite: false, requestBytes: -1 }],
  [11, { name: 'get-comm-event-counter', isWrite: false, requestBytes: 0 }],
  [12, { name: 'get-comm-event-log', isWrite: false, requestBytes: 0 }],
  [15, { name: 'write-multiple-coils', isWrite: true, requestBytes: -1 }],
  [16, { name: 'write-multiple-registers', isWrite: true, requestBytes: -1 }],
  [17, { name: 'report-server-id', isWrite: false, requestBytes: 0 }],
  [20, { name: 'read-file-record', isWrite: false, requestBytes: -1 }],
  [21, { name: 'write-file-record', isWrite: true, requestBytes: -1 }],
  [22, { name: 'mask-write-register', isWrite: true, requestBytes: 6 }],
  [23, { name: 'read-write-multiple-registers', isWrite: true, requestBytes: -1 }],
  [24, { name: 'read-fifo-queue', isWrite: false, requestBytes: 2 }],
  [43, { name: 'encapsulated-interface', isWrite: false, requestBytes: -1 }],
]);

const EXCEPTIONS = new Map<number, string>([
  [1, 'illegal-function'],
  [2, 'illegal-data-address'],
  [3, 'illegal-data-value'],
  [4, 'server-device-failure'],
  [5, 'acknowledge'],
  [6, 'server-device-busy'],
  [8, 'memory-parity-error'],
  [10, 'gateway-path-unavailable'],
  [11, 'gateway-target-failed-to-respond'],
]);

export interface ModbusMessage {
  readonly transaction: number;
  readonly unit: number;
  /** Function code without the exception bit. */
  readonly function: number;
  /** 'read-coils', ... or 'function-<n>'. */
  readonly name: string;
  readonly isWrite: boolean;
  /** First address, from 0; undefined where the message has none (responses to reads, diagnostics ...). */
  readonly address: number | undefined;
  /** Coils or registers; 1 for the single writes. */
  readonly quantity: number | undefined;
  /** Value of write-single-coil (0 or 65280) and write-single-register. */
  readonly value: number | undefined;
  /** 'illegal-function', ... or 'exception-<n>'; undefined for a message that is none. */
  readonly exception: string | undefined;
}

export interface ModbusSide {
  /** At most 128. */
  readonly messages: readonly ModbusMessage[];
  /** All that were seen. */
  readonly total: number;
  readonly writes: number;
  readonly exceptions: number;
}

/**
 * The messages in [at, end), one side; undefined when the first is none. `side` says which: a response to a read has no address, and some of them cannot be
 * told from requests. The last message may be cut; it counts when its function code is there.
 */
export function decodeModbus(
  bytes: Uint8Array,
  at: number,
  end: number,
  side: 'request' | 'response',
): ModbusSide | undefined {
  const stop = Math.min(end, bytes.length);
  const messages: ModbusMessage[] = [];
  let total = 0;
  let writes = 0;
  let exceptions = 0;
  let here = at;
  while (here + HEADER < stop) {
    const length = (bytes[here + 4] << 8) | bytes[here + 5];
    if (bytes[here + 2] !== 0 || bytes[here + 3] !== 0 || length < 2 || length > MAX_LENGTH) break;
    const message = decodeMessage(bytes, here, Math.min(stop, here + 6 + length), side);
    total++;
    if (message.isWrite) writes++;
    if (message.exception !== undefined) exceptions++;
    if (messages.length < MAX_MESSAGES) messages.push(message);
    here += 6 + length;
  }
  return total === 0 ? undefined : { messages, total, writes, exceptions };
}

function decodeMessage(bytes: Uint8Array, at: number, end: number, side: 'request' | 'response'): ModbusMessage {
  const code = bytes[at + 7] & ~EXCEPTION;
  const known = FUNCTIONS.get(code);
  const u16 = (o: number): number | undefined =>
    at + o + 2 <= end ? (bytes[at + o] << 8) | bytes[at + o + 1] : undefined;
  const isException = (bytes[at + 7] & EXCEPTION) !== 0;
  let address: number | undefined;
  let quantity: number | undefined;
  let value: number | undefined;
  if (!isException) {
    const isEcho = code === 5 || code === 6 || code === 15 || code === 16 || code === 22;
    const hasAddress = isEcho || (side === 'request' && ((code >= 1 && code <= 4) || code === 23 || code === 24));
    if (hasAddress) address = u16(8);
    if (code === 5 || code === 6) {
      quantity = 1;
      value = u16(10);
    } else if (code === 22) quantity = 1;
    else if (hasAddress && code !== 24) quantity = u16(10);
    // Function 23 reads first; what it writes is the second pair.
    if (code === 23 && side === 'request') {
      address = u16(12);
      quantity = u16(14);
    }
  }
  const exceptionCode = at + 9 <= end ? bytes[at + 8] : 0;
  return {
    transaction: (bytes[at] << 8) | bytes[at + 1],
    unit: bytes[at + 6],
    function: code,
    name: known?.name ?? `function-${code}`,
    isWrite: known?.isWrite ?? false,
    address,
    quantity,
    value,
    exception: isException ? (EXCEPTIONS.get(exceptionCode) ?? `exception-${exceptionCode}`) : undefined,
  };
}

/** True when [at, end) begins with a whole message whose length fits its function, as a request or a response, and goes on with the same. */
export function looksLikeModbus(bytes: Uint8Array, at: number, end: number): boolean {
  let here = at;
  for (let i = 0; i < 4; i++) {
    if (here + HEADER >= end) return i > 0 && here === end;
    const length = (bytes[here + 4] << 8) | bytes[here + 5];
    if (bytes[here + 2] !== 0 || bytes[here + 3] !== 0 || length < 2 || length > MAX_LENGTH) return false;
    // A message that is cut counts when another one came before it.
    if (here + 6 + length > end) return i > 0;
    if (!fits(bytes, here, here + 6 + length)) return false;
    here += 6 + length;
  }
  return true;
}

function fits(bytes: Uint8Array, at: number, end: number): boolean {
  const code = bytes[at + 7];
  const body = end - at - 8;
  if ((code & EXCEPTION) !== 0) return FUNCTIONS.has(code & ~EXCEPTION) && body === 1 && EXCEPTIONS.has(bytes[at + 8]);
  const known = FUNCTIONS.get(code);
  if (known === undefined) return false;
  const u16 = (o: number): number => (bytes[at + o] << 8) | bytes[at + o + 1];
  switch (code) {
    case 1:
    case 2:
    case 3:
    case 4: {
      const most = code <= 2 ? 2000 : 125;
      const isRequest = body === 4 && u16(10) >= 1 && u16(10) <= most;
      return isRequest || (body >= 2 && bytes[at + 8] === body - 1 && (code <= 2 || body % 2 === 1));
    }
    case 5:
      return body === 4 && (u16(10) === 0 || u16(10) === 0xff00);
    case 6:
      return body === 4;
    case 15:
    case 16:
      return u16(10) >= 1 && u16(10) <= 1968 && (body === 4 || (body > 5 && bytes[at + 12] === body - 5));
    case 22:
      return body === 6;
    case 23:
      return (body > 9 && bytes[at + 16] === body - 9) || (body >= 3 && bytes[at + 8] === body - 1 && body % 2 === 1);
    case 43:
      return body >= 2 && (bytes[at + 8] === 14 || bytes[at + 8] === 13);
    case 8:
      return body >= 4 && bytes[at + 8] === 0 && bytes[at + 9] <= 20;
    default:
      return false;
  }
}

/** A message: the header, the function code and what stands behind it. */
export function encodeModbus(fields: {
  transaction?: number;
  unit?: number;
  function: number;
  data?: Uint8Array | readonly number[];
}): Uint8Array {
  const { transaction = 1, unit = 1, data = [] } = fields;
  return new ByteWriter()
    .u16(transaction)
    .u16(0)
    .u16(data.length + 2)
    .u8(unit)
    .u8(fields.function)
    .bytes(data)
    .finish();
}

export function summarizeModbus(message: ModbusMessage): string {
  const range =
    message.address === undefined
      ? ''
      : ` ${message.address}${message.quantity === undefined ? '' : ` x${message.quantity}`}`;
  const write = message.isWrite ? ' (write)' : '';
  return `unit ${message.unit} ${message.name}${range}${write}${message.exception === undefined ? '' : ` ${message.exception}`}`;
}
