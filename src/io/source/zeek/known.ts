import { FLOW_COLUMN, type FlowColumnName } from '../../../flow/index.ts';
import { type FlowWriter, isAddressText, protocolByName } from '../flow-writer.ts';
import type { RowTally } from '../lines.ts';
import type { ZeekCells } from './cell.ts';
import { GIVES_WAY, ownDns } from './connection.ts';
import { type Cell, commonName, numberOf, PROTOCOLS, type Protocol, timeMs } from './protocol.ts';
import type { ZeekHeader } from './tsv.ts';

/** What logs of protocols know of connections, until conn.log tells of them, or as flows of their own. */

/** Certificates of x509.log that are remembered for the ssl.log beside it. */
export const MAX_CERTIFICATES = 100_000;
const MAX_OPERATIONS = 16;
const C = FLOW_COLUMN;

/** What a log of a protocol says of a connection. Index is the flow column. */
type Facts = Map<number, string | number>;

/** A connection that was seen in logs of protocols. */
interface Known {
  readonly facts: Facts;
  operations: string[];
  /** Logs that told of it. */
  readonly told: Protocol[];
  startMs: number;
  endMs: number;
  readonly initiator: string;
  readonly responder: string;
  readonly initiatorPort: number;
  readonly responderPort: number;
  readonly protocol: string;
  service: string;
}

interface Certificate {
  readonly subject: string | undefined;
  readonly issuer: string | undefined;
  readonly fromMs: number | undefined;
  readonly toMs: number | undefined;
}

export class KnownConnections {
  readonly #out: FlowWriter;
  readonly #tally: RowTally;
  readonly #hasConn: boolean;
  readonly #maxJoined: number;
  readonly #known = new Map<string, Known>();
  readonly #certificates = new Map<string, Certificate>();
  /** Records of protocols that name no connection, and connections of theirs that make no flow. */
  unconnected = 0;
  unplaced = 0;
  letGo = 0;
  certificatesLetGo = 0;
  /** Connections that became flows of their own. */
  alone = 0;

  constructor(out: FlowWriter, tally: RowTally, hasConn: boolean, maxJoined: number) {
    this.#out = out;
    this.#tally = tally;
    this.#hasConn = hasConn;
    this.#maxJoined = maxJoined;
  }

  get size(): number {
    return this.#known.size;
  }

  forget(uid: string): void {
    this.#known.delete(uid);
  }

  /** Puts what is known of a connection into its row. */
  join(row: number, uid: string): void {
    const known = this.#known.get(uid);
    if (known === undefined) return;
    this.#known.delete(uid);
    this.#writeFacts(row, known);
  }

  /** Learns from a line of another log; returns why it is refused. */
  take(cells: ZeekCells, { fields }: ZeekHeader, log: string): string | undefined {
    const cell: Cell = (field) => {
      const at = fields.indexOf(field);
      return cells.isSet(at) ? cells.text(at) : undefined;
    };
    if (log === 'x509') {
      this.#certificate(cell);
      return undefined;
    }
    const protocol = Object.hasOwn(PROTOCOLS, log) ? PROTOCOLS[log] : undefined;
    if (protocol === undefined) {
      this.unconnected++;
      return undefined;
    }
    cells.bad = -1;
    const startMs = cells.number(fields.indexOf('ts'), 3);
    if (Number.isNaN(startMs)) return 'column ts holds no time';
    const uids = cell('uid') ?? cell('uids');
    // A tunnel and some events of protocols have no connection of their own.
    if (uids === undefined) {
      this.unconnected++;
      return undefined;
    }
    const named = uids.split(',').slice(0, 16);
    if (!this.#hasConn && !named.some((uid) => this.#known.has(uid))) {
      // No conn.log will say what the record does not.
      const [initiator, responder] = endsOf(cell);
      if (initiator === '' || responder === '') {
        const [first, second] = log === 'dhcp' ? ['client_addr', 'server_addr'] : ['id.orig_h', 'id.resp_h'];
        return `column ${initiator === '' ? first : second} holds no address`;
      }
    }
    for (const uid of named) {
      let known = this.#known.get(uid);
      if (known === undefined) {
        known = this.#newKnown(uid, cell, protocol, startMs);
        if (known === undefined) continue;
      }
      known.startMs = Math.min(known.startMs, startMs);
      known.endMs = Math.max(known.endMs, startMs);
      this.#learn(known, protocol, cell);
    }
    return undefined;
  }

  /** The connections that no conn.log told of, in the order in which they were first seen. */
  writeAlone(): void {
    for (const [uid, known] of this.#known) {
      if (this.#out.full) return;
      this.#known.delete(uid);
      this.#writeKnown(known);
    }
  }

  #newKnown(uid: string, cell: Cell, protocol: Protocol, startMs: number): Known | undefined {
    const [initiator, responder] = endsOf(cell);
    // Where a full batch is in hand nothing can be written: it waits for the next row.
    if (this.#known.size >= this.#maxJoined && !(this.#out.full && !this.#hasConn)) {
      const oldest = this.#known.entries().next().value;
      if (oldest !== undefined) {
        this.#known.delete(oldest[0]);
        // Without a conn.log there is no line to wait for: it is as whole as it gets.
        if (this.#hasConn) this.letGo++;
        else this.#writeKnown(oldest[1]);
      }
    }
    const port = (field: string): number => {
      const value = numberOf(cell(field));
      return value !== undefined && value >= 0 && value <= 65_535 ? value : Number.NaN;
    };
    const initiatorPort = port('id.orig_p');
    const responderPort = port('id.resp_p');
    const known: Known = {
      facts: new Map(),
      operations: [],
      told: [],
      startMs,
      endMs: startMs,
      initiator,
      responder,
      initiatorPort,
      responderPort,
      protocol: cell('proto') ?? protocol.transport,
      service: protocol.service,
    };
    this.#known.set(uid, known);
    return known;
  }

  #learn(known: Known, protocol: Protocol, cell: Cell): void {
    const { facts } = known;
    const set = (column: FlowColumnName, value: string | number | undefined): void => {
      if (value === undefined || value === '' || !this.#out.has(C[column])) return;
      if (column === 'operations') this.#operation(known, String(value));
      else if (!facts.has(C[column])) facts.set(C[column], value);
    };
    if (protocol.service !== '' && (known.service === '' || GIVES_WAY.has(known.service)))
      known.service = protocol.service;
    const isFirst = !known.told.includes(protocol);
    if (isFirst) known.told.push(protocol);
    if (isFirst || protocol.once !== true) {
      for (const [field, column] of Object.entries(protocol.texts ?? {}))
        if (column !== undefined) set(column, cell(field));
      protocol.note?.(cell, set);
    } else if (protocol.further !== undefined)
      for (const text of protocol.further(cell, (column) => String(facts.get(C[column]) ?? '')))
        set('operations', text);
    if (protocol.service === 'tls') this.#learnCertificate(set, cell);
    if (protocol.login !== undefined) {
      const success = cell(protocol.login);
      if (success !== undefined) set('login', success === 'T' ? 'accepted' : success === 'F' ? 'refused' : undefined);
    }
    if (protocol.operation !== undefined) {
      const words = protocol.operation.map(cell).filter((word) => word !== undefined);
      if (words.length > 0) set('operations', words.join(' '));
    }
  }

  #operation(known: Known, text: string): void {
    const { operations } = known;
    if (operations.length < MAX_OPERATIONS && !operations.includes(text)) operations.push(text.slice(0, 256));
  }

  #certificate(cell: Cell): void {
    // Since Zeek 4.1 ssl.log names certificates by fingerprint, before it by the id of the file.
    const key = cell('fingerprint') ?? cell('id');
    if (key === undefined || this.#certificates.has(key)) return;
    if (this.#certificates.size >= MAX_CERTIFICATES) {
      const oldest = this.#certificates.keys().next().value;
      if (oldest !== undefined) this.#certificates.delete(oldest);
      this.certificatesLetGo++;
    }
    this.#certificates.set(key, {
      subject: commonName(cell('certificate.subject')),
      issuer: commonName(cell('certificate.issuer')),
      fromMs: timeMs(cell('certificate.not_valid_before')),
      toMs: timeMs(cell('certificate.not_valid_after')),
    });
  }

  #learnCertificate(set: (column: FlowColumnName, value: string | number | undefined) => void, cell: Cell): void {
    const chain = cell('cert_chain_fps') ?? cell('cert_chain_fuids');
    const certificate = chain === undefined ? undefined : this.#certificates.get(chain.split(',', 1)[0] as string);
    if (certificate === undefined) return;
    set('certificateSubject', certificate.subject);
    set('certificateIssuer', certificate.issuer);
    set('certificateFromMs', certificate.fromMs);
    set('certificateToMs', certificate.toMs);
  }

  #writeKnown(known: Known): void {
    // A tunnel is no connection: it only tells of one.
    if (known.initiator === '' || known.responder === '' || (known.service === '' && known.protocol === '')) {
      this.unplaced++;
      return;
    }
    const out = this.#out;
    const row = out.addRow();
    const protocol = protocolByName(known.protocol, known.initiator.includes(':'));
    out.number(C.startMs, row, known.startMs);
    // The last thing that was told of it; how long it went on nobody knows.
    if (known.endMs > known.startMs) out.number(C.endMs, row, known.endMs);
    if (protocol >= 0) out.protocol(row, protocol);
    out.text(C.initiator, row, known.initiator);
    out.text(C.responder, row, known.responder);
    out.number(C.initiatorPort, row, known.initiatorPort);
    out.number(C.responderPort, row, known.responderPort);
    const service = ownDns(known.service, known.initiatorPort, known.responderPort);
    out.service(row, protocol, known.initiatorPort, known.responderPort, service);
    this.#writeFacts(row, known);
    out.word(C.outcome, row, 'unknown');
    out.finishRow(row);
    this.alone++;
    this.#tally.rows++;
  }

  #writeFacts(row: number, known: Known): void {
    for (const [column, value] of known.facts) this.#out.fill(column, row, value);
    if (known.operations.length > 0) this.#out.fill(C.operations, row, known.operations.join(', '));
  }
}

/** Addresses of the two ends as a log of a protocol names them, '' for what is none. */
function endsOf(cell: Cell): [initiator: string, responder: string] {
  const address = (text = ''): string => {
    const bytes = Buffer.from(text);
    return isAddressText(bytes, 0, bytes.length) ? text : '';
  };
  return [
    address(cell('id.orig_h') ?? cell('client_addr') ?? cell('assigned_addr')),
    address(cell('id.resp_h') ?? cell('server_addr')),
  ];
}
