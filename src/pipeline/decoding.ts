import { type Column, type StringColumn, safeText, Table, textAt } from '../core/index.ts';
import type { Saturation } from '../detect/index.ts';
import { FLOW_COLUMN, type FlowTable, PAYLOAD_FLOWS, PayloadKeeper } from '../flow/index.ts';
import type { AskedPayload, PluginDecoder, PluginHost } from '../io/index.ts';
import { PROTO } from '../wire/index.ts';

/** Flows that are asked about together, where nothing waits for the answer. */
const ASK_FLOWS = 256;
/** Flows whose payload waits to be asked about, at most: one jump of the clock can end all whose payload was kept, and a batch of frames as many again. */
const MOST_WAITING = 2 * PAYLOAD_FLOWS;
/** Rows of tables that wait for answers, at most: twice as many as a flow table of the usual size can end at once. */
const MOST_HELD_ROWS = 131_072;
const MAX_OPERATIONS = 16;
const MAX_OPERATION = 80;

interface Waiting {
  readonly id: number;
  readonly transport: 'tcp' | 'udp';
  readonly port: number;
  readonly initiator: Uint8Array;
  readonly responder: Uint8Array;
  readonly recognised: boolean;
}

/** What a decoder said of a flow. */
interface Told {
  readonly service: string;
  readonly operations: readonly string[];
}

/**
 * The decoders of plugins on the way from the flow table to whoever takes its tables: the first payload of flows on their ports is kept, they are asked between reads, and
 * what they say stands in the rows (`service`, `serviceBasis`, `operations`) before anybody sees them. Tables with a row that waits for an answer are held, and with them those
 * behind: the order stays.
 *
 * Memory: what `PayloadKeeper` keeps, as much again for each of 4,000 flows that ended and wait, and 131,072 rows. Beyond that flows go on without being asked about, and are counted.
 */
export class PluginDecoding {
  #decoders: readonly PluginDecoder[];
  #keeper: PayloadKeeper;
  #take: (table: Table, made: Table) => void;
  #waiting: Waiting[] = [];
  #told = new Map<number, Told>();
  #held: Table[] = [];
  #heldRows = 0;
  #mostHeldRows: number;
  #refused = 0;

  /**
   * Takes the place of the flow table's `onTable`; undefined, and nothing changes, where no plugin has a decoder.
   * @param take given each table, and as `made` the one that the flow table made and may take back
   */
  static of(
    plugins: PluginHost | undefined,
    flowTable: FlowTable,
    take: (table: Table, made: Table) => void,
  ): PluginDecoding | undefined {
    const decoders = plugins?.decoders() ?? [];
    return decoders.length === 0 ? undefined : new PluginDecoding(decoders, flowTable, take);
  }

  constructor(
    decoders: readonly PluginDecoder[],
    flowTable: FlowTable,
    take: (table: Table, made: Table) => void,
    mostHeldRows: number = MOST_HELD_ROWS,
  ) {
    this.#mostHeldRows = mostHeldRows;
    this.#decoders = decoders;
    this.#take = take;
    this.#keeper = new PayloadKeeper(
      flowTable.options.maxFlows,
      decoders.flatMap(({ transport, ports, recognised }) => ports.map((port) => ({ transport, port, recognised }))),
      (id, protocol, port, initiator, responder, service) => {
        if (this.#waiting.length === MOST_WAITING) {
          this.#refused++;
          return;
        }
        const transport = protocol === PROTO.tcp ? 'tcp' : 'udp';
        this.#waiting.push({ id, transport, port, initiator, responder, recognised: service !== undefined });
      },
    );
    flowTable.payloads = this.#keeper;
    flowTable.onTable = (table) => this.#offer(table);
  }

  /** What did not fit. */
  saturations(): Saturation[] {
    const detector = 'decoders of plugins';
    return [
      {
        detector,
        what: 'flows whose first payload is kept',
        cap: this.#keeper.capacity,
        refused: this.#keeper.refused,
      },
      { detector, what: 'flows that wait to be decoded', cap: MOST_WAITING, refused: this.#refused },
    ].filter(({ refused }) => refused > 0);
  }

  /** Between two batches of frames: asks what waits, and hands on what was held. Undefined where there is nothing to wait for yet. @param all ask, however little it is */
  settle(all: boolean): Promise<void> | undefined {
    if (this.#waiting.length + this.#held.length === 0) return undefined;
    return all || this.#held.length > 0 || this.#waiting.length >= ASK_FLOWS ? this.#ask() : undefined;
  }

  #offer(table: Table): void {
    // Payloads that wait are those of rows up to this table's last one.
    if (this.#waiting.length + this.#held.length === 0) {
      this.#take(this.#written(table), table);
      return;
    }
    this.#held.push(table);
    this.#heldRows += table.rowCount;
    while (this.#heldRows > this.#mostHeldRows) this.#letGo();
  }

  /** The oldest table goes on as it is. */
  #letGo(): void {
    const table = this.#held.shift();
    if (table === undefined) return;
    this.#heldRows -= table.rowCount;
    const lastId = table.value(FLOW_COLUMN.id, table.rowCount - 1) as number;
    const before = this.#waiting.length;
    this.#waiting = this.#waiting.filter(({ id }) => id > lastId);
    this.#refused += before - this.#waiting.length;
    this.#take(this.#written(table), table);
  }

  async #ask(): Promise<void> {
    const waiting = this.#waiting;
    for (const decoder of this.#decoders) {
      const asked: AskedPayload[] = [];
      const ids: number[] = [];
      for (const { id, transport, port, initiator, responder, recognised } of waiting) {
        // The first decoder that knows a flow has it.
        if (transport !== decoder.transport || !decoder.ports.includes(port) || this.#told.has(id)) continue;
        if (recognised && !decoder.recognised) continue;
        for (const [bytes, from] of [
          [initiator, 'initiator'],
          [responder, 'responder'],
        ] as const)
          if (bytes.length > 0) {
            asked.push({ bytes, port, from });
            ids.push(id);
          }
      }
      if (asked.length === 0) continue;
      const answers = await decoder.decode(asked);
      for (const [i, answer] of answers.entries()) {
        const id = ids[i];
        if (answer === undefined || id === undefined) continue;
        const { name, summary, columns } = answer;
        const operations = [summary, ...Object.entries(columns).map(([column, value]) => `${column}=${value}`)];
        const before = this.#told.get(id);
        this.#told.set(id, {
          service: before?.service ?? `${decoder.namespace}.${name}`,
          operations: joined(before?.operations ?? [], operations),
        });
      }
    }
    this.#waiting = [];
    const held = this.#held;
    this.#held = [];
    this.#heldRows = 0;
    for (const table of held) this.#take(this.#written(table), table);
  }

  /** The table with what was told of its rows. */
  #written(table: Table): Table {
    if (this.#told.size === 0) return table;
    const columns: Column[] = [...table.columns];
    const service = new TextChange(columns[FLOW_COLUMN.service]);
    const basis = new TextChange(columns[FLOW_COLUMN.serviceBasis]);
    const operations = new TextChange(columns[FLOW_COLUMN.operations]);
    for (let row = 0; row < table.rowCount; row++) {
      const id = table.value(FLOW_COLUMN.id, row) as number;
      const told = this.#told.get(id);
      if (told === undefined) continue;
      this.#told.delete(id);
      // What the port made us guess gives way; what we have read ourselves does not.
      if (basis.at(row) !== 'content') {
        service.set(row, told.service);
        basis.set(row, 'content');
      }
      const known = operations.at(row);
      const all = joined(known === undefined ? [] : known.split(', '), told.operations);
      if (all.length > 0) operations.set(row, all.join(', '));
    }
    columns[FLOW_COLUMN.service] = service.column;
    columns[FLOW_COLUMN.serviceBasis] = basis.column;
    columns[FLOW_COLUMN.operations] = operations.column;
    return new Table(table.schema, table.rowCount, columns);
  }
}

/** As the column of operations has them: each once, at most 16, at most 80 characters each, none with what stands between two. */
function joined(known: readonly string[], more: readonly string[]): string[] {
  const all = [...known];
  for (const text of more) {
    const plain = safeText(text.replace(/, +/g, ','), MAX_OPERATION - 1).trim();
    if (plain !== '' && all.length < MAX_OPERATIONS && !all.includes(plain)) all.push(plain);
  }
  return all;
}

/** A text column in which some cells change; the table that it comes from does not. */
class TextChange {
  #codes: Int32Array;
  #dictionary: string[];
  #new = new Map<string, number>();

  constructor(column: Column | undefined) {
    const { codes, dictionary } = column as StringColumn;
    this.#codes = codes.slice();
    this.#dictionary = [...dictionary];
  }

  get column(): StringColumn {
    return { kind: 'string', codes: this.#codes, dictionary: this.#dictionary };
  }

  at(row: number): string | undefined {
    return textAt(this.column, row);
  }

  set(row: number, text: string): void {
    let code = this.#new.get(text);
    if (code === undefined) {
      code = this.#dictionary.push(text) - 1;
      this.#new.set(text, code);
    }
    this.#codes[row] = code;
  }
}
