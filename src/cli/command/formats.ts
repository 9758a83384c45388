import type { Command } from 'commander';
import { EXIT } from '../../core/index.ts';
import { ADDRESS_FORMS, ROW_FORMATS } from '../../io/index.ts';
import { print } from '../terminal.ts';

/** Formats that are known only to say what to do with them. */
const NOT_READ = new Set(['nfcapd']);

/** What can be read, from the tables that read it. */
export function addFormatsCommand(program: Command, done: (code: number) => void): void {
  program
    .command('formats')
    .summary('what can be read: captures, logs of flows, tables')
    .description('Lists the formats that analyze reads, under the names that --as takes.')
    .option('--json', 'print as JSON')
    .action(async (flags: { readonly json?: boolean }) => {
      const formats = [
        { id: 'capture', title: 'captures: pcap and pcapng, of every link type that tcpdump writes', flows: true },
        ...ROW_FORMATS.map(({ id, title, flows }) => ({ id, title, flows })),
      ];
      if (flags.json === true) await print(`${JSON.stringify({ formats, addresses: ADDRESS_FORMS }, null, 2)}\n`);
      else {
        const width = Math.max(...formats.map(({ id }) => id.length));
        const wide = Math.max(...ADDRESS_FORMS.map(({ form }) => form.length), 'watch:folder'.length);
        const addresses = [
          ...ADDRESS_FORMS,
          { form: 'watch:folder', title: 'each file that is finished in a folder, once' },
        ]
          .map(({ form, title }) => `  ${form.padEnd(wide)}  ${title}\n`)
          .join('');
        const lines = (wanted: boolean): string =>
          formats
            .filter(({ id, flows }) => flows === wanted && !NOT_READ.has(id))
            .map(({ id, title }) => `  ${id.padEnd(width)}  ${title}\n`)
            .join('');
        const refused = formats
          .filter(({ id }) => NOT_READ.has(id))
          .map(({ id, title }) => `  (${id}: ${title})\n`)
          .join('');
        await print(
          `Flows (every detector that has what it needs looks at them)\n${lines(true)}\nTables of any columns (features, flags, groups; see --features)\n${lines(false)}${refused}\nAll of them plain or compressed with gzip, zstd or lz4, told by their content; as files, folders, patterns ('logs/*.csv') or standard input (-).\n\nPlaces (until Ctrl-C or --duration; --window for a report each)\n${addresses}`,
        );
      }
      done(EXIT.done);
    });
}
