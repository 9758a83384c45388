import { types } from 'node:util';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeTable, encodeTable, takeRows } from '../../core/index.ts';
import { FLOW_SCHEMA, type FlowRecord, flowRecord, flowTable } from '../../flow/index.ts';
import { EvidenceStore, plainRecord } from './store.ts';

describe('EvidenceStore', () => {
  const number = fc.oneof(
    fc.double({ noNaN: true }),
    fc.integer(),
    fc.nat(300),
    fc.constantFrom(0, -0, 2 ** 28 - 2, 2 ** 28 - 1, 2 ** 28, 127, 128, Number.POSITIVE_INFINITY),
  );
  const member = Object.fromEntries(
    FLOW_SCHEMA.columns.map(({ name, kind }) => [
      name,
      kind === 'string' ? fc.string({ unit: 'binary', maxLength: 40 }) : kind === 'int32' ? fc.integer() : number,
    ]),
  );
  const record = fc.record(member, { requiredKeys: [] }) as fc.Arbitrary<FlowRecord>;

  it('hands out what `flowRecord` makes of the row, of a table as it came and of one that was written and read', () => {
    fc.assert(
      fc.property(fc.array(record, { minLength: 1, maxLength: 5 }), (records) => {
        const made = flowTable(records);
        for (const table of [made, decodeTable(FLOW_SCHEMA, encodeTable(made))]) {
          const store = new EvidenceStore();
          const kept = records.map((_, row) => store.add(table, row));
          for (const [row, flow] of kept.entries()) {
            const expected = flowRecord(table, row);
            expect(Object.entries(flow)).toEqual(Object.entries(expected));
            expect({ ...flow }).toEqual(expected);
            expect(JSON.stringify({ flow })).toBe(JSON.stringify({ flow: expected }));
            expect(flow.initiator).toBe(expected.initiator);
            expect('initiator' in flow).toBe('initiator' in expected);
            expect(flow.constructor).toBe(Object);
            expect(plainRecord(flow)).toEqual(expected);
            expect([flow, plainRecord(flow)].map(types.isProxy)).toEqual([true, false]);
            expect(plainRecord(expected)).toBe(expected);
          }
        }
      }),
      { numRuns: 60 },
    );
  });

  it('keeps records that were written as JSON, and gives back what is none of its columns', () => {
    fc.assert(
      fc.property(fc.array(record, { minLength: 1, maxLength: 5 }), (records) => {
        const table = flowTable(records);
        const text = JSON.stringify(records.map((_, row) => flowRecord(table, row)));
        const kept = new EvidenceStore().addAll(JSON.parse(text) as FlowRecord[]);
        expect(JSON.stringify(kept)).toBe(text);
        // A number that JSON does not have is null, and so no number.
        expect(kept.every((flow) => types.isProxy(flow))).toBe(!text.includes(':null'));
      }),
      { numRuns: 60 },
    );
    for (const other of [{ id: 1.5 }, { id: 2 ** 31 }, { startMs: '1' }, { initiator: 1 }, { colour: 'red' }]) {
      const records = [{ id: 1 }, other] as FlowRecord[];
      expect(new EvidenceStore().addAll(records)).toBe(records);
    }
  });

  it('tells each member by itself as all together, whoever asks for how many', () => {
    fc.assert(
      fc.property(record, fc.array(fc.nat(FLOW_SCHEMA.columns.length - 1), { maxLength: 12 }), (one, asked) => {
        const table = flowTable([one, { ...one, id: 1 }]);
        const store = new EvidenceStore();
        const kept = [store.add(table, 0), store.add(table, 1)];
        for (const [i, column] of asked.entries()) {
          const row = (i >> 1) % 2;
          const name = FLOW_SCHEMA.columns[column]?.name as keyof FlowRecord;
          expect(kept[row]?.[name]).toEqual(flowRecord(table, row)[name]);
        }
      }),
      { numRuns: 100 },
    );
  });

  it('keeps thousands apart, in whatever order they are looked at', () => {
    const store = new EvidenceStore();
    const table = flowTable(
      Array.from({ length: 100 }, (_, i) => ({
        startMs: i / 3,
        initiator: `10.0.0.${i}`,
        communityId: `1:${i}${'x'.repeat(60)}=`,
      })),
    );
    const kept = Array.from({ length: 20_000 }, (_, i) => store.add(table, i % 100));
    for (let i = 0; i < 20_000; i++) {
      const at = (i * 7919) % 20_000;
      expect(kept[at]?.initiator).toBe(`10.0.0.${at % 100}`);
      expect(kept[at]?.startMs).toBe((at % 100) / 3);
    }
  });

  it('does not follow a table whose arrays are written again', () => {
    const store = new EvidenceStore();
    const made = takeRows(flowTable([{ id: 7, initiator: '10.0.0.1' }]), [0]);
    const flow = store.add(made, 0);
    for (const column of made.columns) if (column.kind !== 'string') column.values.fill(0);
    expect(flow).toEqual({ id: 7, initiator: '10.0.0.1' });
  });

  it('lets nobody change a flow', () => {
    const flow = new EvidenceStore().add(flowTable([{ id: 7 }]), 0) as Record<string, unknown>;
    expect(() => {
      flow.id = 8;
    }).toThrow(TypeError);
    expect(() => {
      delete flow.id;
    }).toThrow(TypeError);
    expect(flow.id).toBe(7);
  });
});
