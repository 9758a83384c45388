import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { classifyInputs } from './classify.ts';
import { analyzeTable } from './table/index.ts';

let folder: string;
beforeAll(() => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'classify-'));
});
afterAll(() => fs.rmSync(folder, { recursive: true }));

function written(name: string, text: string): string {
  const file = path.join(folder, name);
  fs.writeFileSync(file, text);
  return file;
}

const NOTICE =
  '#separator \\x09\n#path\tnotice\n#fields\tts\tnote\tmsg\n#types\ttime\tenum\tstring\n1.0\tScan::Port\ta\n2.0\tScan::Port\tb\n';
const CONN = '#separator \\x09\n#path\tconn\n#fields\tts\tuid\tid.orig_h\tid.resp_h\n';

async function tables(names: readonly string[], as?: string): Promise<(boolean | undefined)[]> {
  return (await classifyInputs(names, { as })).map(({ isTable }) => isTable);
}

test('a Zeek log without connections is a table where no input of the run has flows', async () => {
  const notice = written('notice.log', NOTICE);
  const intel = written('list.intel', '#fields\tindicator\tindicator_type\na.example\tIntel::DOMAIN\n');
  const csv = written('a.csv', 'a,b\n1,2\n3,4\n');
  expect(await tables([notice])).toEqual([true]);
  expect(await tables([notice], 'zeek')).toEqual([true]);
  expect(await tables([notice, intel])).toEqual([true, true]);
  expect(await tables([notice, csv])).toEqual([true, undefined]);
});

test('it stays beside flows where there are some, in whichever input', async () => {
  const notice = written('notice.log', NOTICE);
  const conn = written('conn.log', CONN);
  const capture = written('a.pcap', '\xd4\xc3\xb2\xa1');
  for (const other of [conn, capture, path.join(folder, 'no-such-file')])
    expect(await tables([notice, other]), other).toEqual([undefined, undefined]);
});

test('logs of Zeek in JSON are told apart likewise', async () => {
  const weird = written('weird.log', '{"ts":1.5,"uid":"C1","name":"bad_checksum","id.orig_h":"10.0.0.1"}\n');
  const dns = written('dns.log', '{"ts":1.5,"uid":"C1","id.orig_h":"10.0.0.1","query":"a.example","qtype":1}\n');
  expect(await tables([weird])).toEqual([true]);
  expect(await tables([dns])).toEqual([undefined]);
  expect(await tables([weird, dns])).toEqual([undefined, undefined]);
});

test('such a table is analysed with the columns that it has itself', async () => {
  const inputs = await classifyInputs([written('notice.log', NOTICE)], {});
  const { result } = await analyzeTable({ inputs, scratchFolder: folder });
  expect(result.run.inputs).toMatchObject([{ format: 'zeek-notice', rows: 2, status: 'complete' }]);
  expect(result.table?.columns.map(({ name }) => name)).toEqual(['ts', 'note', 'msg']);
});
