import * as fs from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { temporaryFolder } from '../../test/support/cli.ts';
import { compileFlowFilter, flowRecord } from '../flow/index.ts';
import { analyze, streamFlows } from '../pipeline/index.ts';
import { renderJson } from '../report/index.ts';
import { DEFAULT_HOME_NETWORKS, NetworkSet } from '../wire/index.ts';
import { findIncident, incidentFilter } from './incident-filter.ts';

const office = fileURLToPath(new URL('../../test/fixture/demo/office.pcap', import.meta.url));
const home = NetworkSet.parse(DEFAULT_HOME_NETWORKS) ?? expect.fail('no networks');

async function report(): Promise<string> {
  const folder = temporaryFolder();
  const { result } = await analyze({ inputs: [office], scratchFolder: folder });
  const file = `${folder}/incidents.json`;
  fs.writeFileSync(file, renderJson(result));
  return file;
}

test('the filter of an incident lets all flows of its evidence through, and none of other hosts', async () => {
  const file = await report();
  for (const rank of ['1', '2']) {
    const incident = findIncident(file, rank);
    const filter = compileFlowFilter(incidentFilter(incident), { home });
    const wanted = new Set(incident.evidence.flatMap((one) => (one.type === 'flow' ? [one.flow.id] : [])));
    const actors = new Set(incident.actors.map(({ address }) => address));
    expect(wanted.size).toBeGreaterThan(0);
    let chosen = 0;
    await streamFlows({
      inputs: [office],
      filter,
      onFlows: (table) => {
        const fits = filter.bind(table);
        for (let row = 0; row < table.rowCount; row++) {
          if (!fits(row)) continue;
          const flow = flowRecord(table, row);
          chosen++;
          wanted.delete(flow.id);
          expect(actors.has(flow.initiator ?? '') || actors.has(flow.responder ?? '')).toBe(true);
        }
      },
    });
    expect([...wanted]).toEqual([]);
    expect(chosen).toBeGreaterThanOrEqual(incident.flowCount);
  }
});

test('an incident that is not there, and a file that is no report, are the operator’s mistakes', async () => {
  const file = await report();
  expect(() => findIncident(file, 'inc-nothing')).toThrow(`${file} has no incident inc-nothing`);
  const other = `${temporaryFolder()}/other.json`;
  expect(() => findIncident(other, '1')).toThrow(other);
  fs.writeFileSync(other, '{"incidents": []}');
  expect(() => findIncident(other, '1')).toThrow('is no incidents.json of this version');
  fs.writeFileSync(other, '{');
  expect(() => findIncident(other, '1')).toThrow('is not JSON');
});
