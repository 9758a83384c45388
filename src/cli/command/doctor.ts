import { execFileSync } from 'node:child_process';
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as zlib from 'node:zlib';
import type { Command } from 'commander';
import { EXIT, humanBytes, safeText, UserError } from '../../core/index.ts';
import {
  type CaptureProgram,
  defaultInterface,
  findCapturePrograms,
  listInterfaces,
  permissionHint,
  probeProgram,
} from '../../io/index.ts';
import { productVersion } from '../../pipeline/index.ts';
import { print } from '../terminal.ts';

interface Check {
  readonly name: string;
  /** ok, missing (something wanted is not there), optional (nothing needs it now). */
  readonly state: 'ok' | 'missing' | 'optional';
  readonly found: string;
  /** What to type, where something is to be done. */
  readonly todo?: string;
}

/** What is present, what is missing, what to type. Exit code 0 when everything that is needed is there. */
export function addDoctorCommand(program: Command, done: (code: number) => void): void {
  program
    .command('doctor')
    .summary('what is present, what is missing, what to type')
    .description(
      'Looks at this machine and says what anomalyst finds on it, what is missing, and what to type to get it.',
    )
    .option('--json', 'print as JSON')
    .action(async (flags: { readonly json?: boolean }) => {
      const checks = [...examine(), ...(await examineCapture())];
      const fit = checks.every((check) => check.state !== 'missing');
      if (flags.json === true) await print(`${JSON.stringify({ fit, checks }, null, 2)}\n`);
      else {
        const width = Math.max(...checks.map((check) => check.name.length));
        const line = (check: Check): string =>
          `${check.state.padEnd(8)}  ${check.name.padEnd(width)}  ${check.found}${check.todo === undefined ? '' : `\n${' '.repeat(width + 12)}${check.todo}`}`;
        await print(
          `${checks.map(line).join('\n')}\n\n${fit ? 'Everything that anomalyst needs is here.' : 'Something that anomalyst needs is missing; see above for what to type.'}\n`,
        );
      }
      done(fit ? EXIT.done : EXIT.yourMistake);
    });
}

function examine(): Check[] {
  const zstd = typeof zlib.createZstdDecompress === 'function';
  const free = os.freemem();
  return [
    { name: 'anomalyst', state: 'ok', found: productVersion() },
    { name: 'Node.js', state: 'ok', found: `${process.version} (22.13 or newer is needed)` },
    { name: 'platform', state: 'ok', found: `${os.platform()} ${os.arch()}, ${os.cpus().length} cores` },
    {
      name: 'memory',
      state: free > 300e6 ? 'ok' : 'missing',
      found: `${humanBytes(free)} free; an analysis usually takes less than 300 MB`,
      ...(free > 300e6 ? {} : { todo: 'close other programs, or lower flow.maxFlows in a configuration file' }),
    },
    writable(process.cwd(), 'this folder'),
    { name: 'gzip captures', state: 'ok', found: 'read by Node.js itself' },
    zstd
      ? { name: 'zstd captures', state: 'ok', found: 'read by Node.js itself' }
      : {
          name: 'zstd captures',
          state: 'optional',
          found: 'not read by this Node.js',
          todo: 'use Node.js 22.15 or newer, or: zstd -dc capture.pcap.zst | anomalyst analyze -',
        },
    { name: 'lz4 captures', state: 'ok', found: 'read by anomalyst itself' },
    program('tshark', ['--version'], 'to look at single packets of the evidence', 'sudo apt install tshark'),
  ];
}

/** Whether interfaces can be captured here: the programs, their rights, and the interface one would begin with. */
async function examineCapture(): Promise<Check[]> {
  const use = 'to capture traffic: anomalyst capture -i eth0, anomalyst analyze --live eth0';
  let programs: CaptureProgram[];
  try {
    programs = findCapturePrograms();
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    return [
      {
        name: 'live capture',
        state: 'optional',
        found: `${error.message}; ${use}`,
        ...(error.hint === undefined ? {} : { todo: error.hint }),
      },
    ];
  }
  const interfaces = await listInterfaces(programs[0]?.path);
  const likely = defaultInterface(interfaces);
  const checks: Check[] = [];
  for (const program of programs) {
    const { allowed, said } = await probeProgram(program, interfaces.find((one) => one.kind === 'loopback')?.name);
    checks.push({
      name: program.kind,
      state: allowed ? 'ok' : 'optional',
      found: allowed
        ? `${safeText(program.path)} may capture, ${use}`
        : `${safeText(program.path)} may not capture (${said}); ${use}`,
      ...(allowed ? {} : { todo: permissionHint(program) }),
    });
  }
  checks.push({
    name: 'interfaces',
    state: likely === undefined ? 'optional' : 'ok',
    found: `${interfaces.map((one) => one.name).join(', ')}${likely === undefined ? '; none but loopback is up' : `; ${likely} is the likely one`}`,
  });
  return checks;
}

function writable(folder: string, name: string): Check {
  try {
    fs.accessSync(folder, fs.constants.W_OK);
    return { name, state: 'ok', found: `reports can be written to ${safeText(folder)}` };
  } catch {
    return {
      name,
      state: 'optional',
      found: `${safeText(folder)} is not writable`,
      todo: 'choose another folder with --out',
    };
  }
}

function program(name: string, args: string[], use: string, todo: string): Check {
  try {
    const text = execFileSync(name, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'], timeout: 5000 });
    const version = /\d+\.\d+(\.\d+)?/.exec(text)?.[0] ?? 'present';
    return { name, state: 'ok', found: `${version}, ${use}` };
  } catch (error) {
    const absent = error instanceof Error && 'code' in error && error.code === 'ENOENT';
    return { name, state: 'optional', found: absent ? `not found; ${use}` : `does not run; ${use}`, todo };
  }
}
