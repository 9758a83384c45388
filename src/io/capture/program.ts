import { execFile } from 'node:child_process';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { safeText, UserError } from '../../core/index.ts';

/** A program that can hand us the packets of an interface. */
export interface CaptureProgram {
  readonly kind: 'tcpdump' | 'dumpcap';
  readonly path: string;
}

/** Names a copy of tcpdump or dumpcap, for example one that was given capabilities. */
export const PROGRAM_VARIABLE = 'ANOMALYST_CAPTURE_PROGRAM';

/** Where tcpdump lies on systems whose PATH leaves the administrators' folders out. */
const MORE_FOLDERS = ['/usr/bin', '/usr/sbin', '/sbin', '/usr/local/bin', '/usr/local/sbin', '/opt/homebrew/sbin'];

/**
 * The capture programs to try, in order: the one given, else the one that ANOMALYST_CAPTURE_PROGRAM names, else tcpdump and then dumpcap. Tcpdump comes first because dumpcap loses
 * packets from 200,000 a second when it writes into a pipe. Throws UserError when there is none.
 */
export function findCapturePrograms(given?: string, env: NodeJS.ProcessEnv = process.env): CaptureProgram[] {
  const named = given ?? env[PROGRAM_VARIABLE];
  if (named !== undefined && named !== '') {
    const full = named.includes('/') ? (executable(named) ? path.resolve(named) : undefined) : search(named, env);
    if (full === undefined)
      throw new UserError(
        `the capture program ${safeText(named)} is not there or may not be run`,
        'give the path of tcpdump or dumpcap',
      );
    return [{ kind: path.basename(full).toLowerCase().includes('dumpcap') ? 'dumpcap' : 'tcpdump', path: full }];
  }
  const found = (['tcpdump', 'dumpcap'] as const).flatMap((kind) => {
    const full = search(kind, env);
    return full === undefined ? [] : [{ kind, path: full }];
  });
  if (found.length === 0)
    throw new UserError('neither tcpdump nor dumpcap was found', 'install one: sudo apt install tcpdump');
  return found;
}

function search(name: string, env: NodeJS.ProcessEnv): string | undefined {
  const folders = [...(env.PATH ?? '').split(path.delimiter), ...MORE_FOLDERS].filter((folder) =>
    path.isAbsolute(folder),
  );
  return folders.map((folder) => path.join(folder, name)).find(executable);
}

function executable(file: string): boolean {
  try {
    fs.accessSync(file, fs.constants.X_OK);
    return fs.statSync(file).isFile();
  } catch {
    return false;
  }
}

/** What a capture program is asked for. */
export interface ProgramRequest {
  readonly interface: string;
  /** A BPF filter expression; '' for none. */
  readonly filter: string;
  /** Bytes kept of each packet; 0 is all of it. */
  readonly snapLength: number;
  /** The kernel's ring, KiB. */
  readonly bufferKib: number;
  readonly promiscuous: boolean;
  /** Hand every packet on at once instead of when 4 kB have come together; costs a system call per packet. */
  readonly unbuffered: boolean;
}

/** The arguments for it: classic pcap on standard output, statistics on standard error. The filter is one argument that can't be taken for an option. */
export function captureArguments(program: CaptureProgram, request: ProgramRequest): string[] {
  const { interface: name, filter, snapLength, bufferKib, promiscuous, unbuffered } = request;
  const quiet = promiscuous ? [] : ['-p'];
  if (program.kind === 'dumpcap') {
    const megabytes = Math.max(1, Math.round(bufferKib / 1024));
    // -P is pcap instead of pcapng, -q no running packet count.
    const fixed = ['-i', name, '-w', '-', '-P', '-q', '-s', String(snapLength), '-B', String(megabytes), ...quiet];
    return filter === '' ? fixed : [...fixed, '-f', filter];
  }
  const fixed = ['-i', name, '-w', '-', '-s', String(snapLength), '-B', String(bufferKib), '-nn', ...quiet];
  if (unbuffered) fixed.push('-U');
  return filter === '' ? fixed : [...fixed, '--', filter];
}

/** Why a capture program gave up. */
export type CaptureFailure = 'permission' | 'no-interface' | 'interface-down' | 'filter' | 'other';

/** Tells from what it said on standard error why it did. */
export function classifyFailure(stderr: string): CaptureFailure {
  if (/permission|not permitted|must be root|cap_set_proc/i.test(stderr)) return 'permission';
  if (/filter expression|capture filter|in filter|illegal token|unknown host|unknown port/i.test(stderr))
    return 'filter';
  if (/no such device|SIOCGIFHWADDR|there is no device named|disappeared/i.test(stderr)) return 'no-interface';
  if (/is not up|network is down|went down/i.test(stderr)) return 'interface-down';
  return 'other';
}

/** The operator's error for a capture that never began. */
export function describeFailure(program: CaptureProgram, request: ProgramRequest, stderr: string): UserError {
  const said = lastWords(stderr);
  switch (classifyFailure(stderr)) {
    case 'permission':
      return new UserError(
        `${program.path} may not capture on ${request.interface}`,
        `${permissionHint(program)}; or run this command with sudo`,
      );
    case 'filter':
      return new UserError(
        `--filter ${safeText(request.filter)}: ${said}`,
        "it is a BPF expression, as in 'tcp port 443 and host 10.0.0.5' (man pcap-filter)",
      );
    case 'no-interface':
      return new UserError(
        `there is no interface ${request.interface} to capture on`,
        'anomalyst capture list-interfaces shows all',
      );
    case 'interface-down':
      return new UserError(`${request.interface} is down`, `bring it up: sudo ip link set ${request.interface} up`);
    case 'other':
      return new UserError(
        `${program.path} ended without capturing anything: ${said}`,
        `see what it says: ${program.path} ${captureArguments(program, request).join(' ')} > /dev/null`,
      );
  }
}

/** The operator's error when none of several programs has the right to capture. */
export function describeRefusal(programs: readonly CaptureProgram[], name: string): UserError {
  return new UserError(
    `${programs.map((program) => program.path).join(' and ')} may not capture on ${name}`,
    `${programs.map(permissionHint).join('; or ')}; or run this command with sudo`,
  );
}

/** What to type so that the program may capture without root. */
export function permissionHint(program: CaptureProgram): string {
  if (program.kind === 'dumpcap')
    return `let your group use it: sudo dpkg-reconfigure wireshark-common, then sudo usermod -aG wireshark ${safeUser()} and log in again`;
  return `allow a copy of it: sudo install -m 750 -g "$(id -gn)" ${program.path} /usr/local/bin/anomalyst-tcpdump && sudo setcap cap_net_raw,cap_net_admin=eip /usr/local/bin/anomalyst-tcpdump, then export ${PROGRAM_VARIABLE}=/usr/local/bin/anomalyst-tcpdump`;
}

function safeUser(): string {
  const user = process.env.USER ?? '';
  return /^[a-z_][a-z0-9_-]{0,31}$/i.test(user) ? user : '"$USER"';
}

/** The last thing a program said before it ended, on one line and safe to show. */
export function lastWords(stderr: string): string {
  const lines = stderr
    .split('\n')
    .map((line) => line.replace(/^(tcpdump|dumpcap): /, '').trim())
    .filter((line) => line !== '' && !/^(Capturing on|File:|listening on|data link type)/.test(line));
  return safeText(lines.slice(0, 2).join('; ') || 'it said nothing', 300);
}

/** Whether a program may open an interface: it is asked for the link types of one, which takes the same rights and captures nothing. */
export function probeProgram(
  program: CaptureProgram,
  name = process.platform === 'darwin' ? 'lo0' : 'lo',
): Promise<{ readonly allowed: boolean; readonly said: string }> {
  return new Promise((resolve) => {
    execFile(program.path, ['-L', '-i', name], { timeout: 5000, maxBuffer: 1 << 20 }, (error, _stdout, stderr) => {
      resolve({ allowed: error === null, said: lastWords(stderr) });
    });
  });
}
