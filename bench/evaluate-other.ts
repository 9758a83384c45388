/**
 * The captures and logs whose documentation says nothing of attacks: collections for readers and decoders. Nothing is expected of them but that they are read or refused with a sentence; what is
 * reported on them is shown, a folder a column, so that nothing is said of a part alone.
 */
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { UserError } from '../src/core/index.ts';
import { analyze } from '../src/pipeline/index.ts';
import { DATA } from './child.ts';
import type { Column, ShownIncident } from './evaluate-matrix.ts';

const FOLDERS = [
  'pcapng-suite',
  'tcpdump-tests',
  'zeek-traces',
  'arkime',
  'ipfixprobe',
  'netflow-samples',
  'zat-zeek',
  'suricata-alerts',
  'wireshark-samples',
] as const;
const READABLE = /\.(?:pcap|pcapng|cap|trace|log|json|dat)(?:\.corrupt)?(?:\.gz)?$/;
/** Datagrams of one exporter lie in files of their own, and those with data can only be read after those with the templates. */
const DATAGRAMS = /_(?:opt)?(?:tpl|data)[\w-]*\.dat$/;

/** What is analysed together: a file, or the datagrams of one exporter, templates first. */
function inputsOf(paths: readonly string[]): string[][] {
  const groups = new Map<string, string[]>();
  for (const path of paths) {
    const key = path.replace(DATAGRAMS, '');
    groups.set(key, [...(groups.get(key) ?? []), path]);
  }
  const isData = (path: string): number => (/_data[\w-]*\.dat$/.test(path) ? 1 : 0);
  return [...groups.values()].map((group) => group.toSorted((a, b) => isData(a) - isData(b)));
}

/** Each file alone, in this process. @param skip paths that are cases of their own */
export async function evaluateOthers(skip: ReadonlySet<string>, work: string): Promise<Column[]> {
  const columns: Column[] = [];
  for (const folder of FOLDERS) {
    if (!existsSync(join(DATA, folder))) continue;
    const runs: (readonly ShownIncident[])[] = [];
    let refused = 0;
    const paths = readdirSync(join(DATA, folder), { recursive: true, encoding: 'utf8' })
      .map((name) => join(folder, name))
      .filter((path) => READABLE.test(path) && !skip.has(path))
      .sort();
    for (const inputs of inputsOf(paths)) {
      const scratchFolder = mkdtempSync(join(work, 'other-'));
      try {
        const { result } = await analyze({ inputs: inputs.map((path) => join(DATA, path)), scratchFolder });
        runs.push(result.incidents);
      } catch (error) {
        if (!(error instanceof UserError)) throw error;
        refused++;
      } finally {
        rmSync(scratchFolder, { recursive: true, force: true });
      }
    }
    if (runs.length === 0) continue;
    columns.push({
      folder: 'collections for decoders',
      name: `${folder} (${runs.length})`,
      runs,
      truth: 'unknown',
      result: refused === 0 ? 'all read' : `${refused} refused`,
    });
  }
  return columns;
}
