import { humanBytes, humanCount, safeText } from '../core/index.ts';
import type { Progress } from '../pipeline/index.ts';

const REDRAW_MS = 100;
const LINE_MS = 2000;
/** Nothing is shown for work that is over before a person would wonder. */
const PATIENCE_MS = 300;

/** The progress of a run on standard error: one line that is redrawn on a terminal, a line every two seconds elsewhere. */
export class ProgressLine {
  #terminal: boolean;
  #width: number;
  #started = performance.now();
  #last = 0;
  #drawn = false;

  constructor(stream: { readonly isTTY?: boolean; readonly columns?: number }) {
    this.#terminal = stream.isTTY === true;
    this.#width = stream.columns ?? 80;
  }

  update(progress: Progress): void {
    const now = performance.now();
    if (now - this.#started < PATIENCE_MS || now - this.#last < (this.#terminal ? REDRAW_MS : LINE_MS)) return;
    this.#last = now;
    const text = formatProgress(progress, now - this.#started);
    if (this.#terminal) {
      process.stderr.write(`\r\u001b[2K${text.slice(0, this.#width - 1)}`);
      this.#drawn = true;
    } else process.stderr.write(`${text}\n`);
  }

  /** Takes the line away. */
  end(): void {
    if (this.#drawn) process.stderr.write('\r\u001b[2K');
    this.#drawn = false;
  }
}

/** 'reading office.pcap  34 %  85 MB of 250 MB  812,000 packets/s  12 s left'. */
export function formatProgress(progress: Progress, elapsedMs: number): string {
  const { stage, input, bytes, totalBytes, packets, flows } = progress;
  const fraction = totalBytes !== undefined && totalBytes > 0 ? Math.min(1, bytes / totalBytes) : undefined;
  const percent = fraction === undefined ? '' : `  ${Math.floor(fraction * 100)} %`;
  if (stage === 'scoring') return `scoring${percent}  ${humanCount(flows)} of ${humanCount(totalBytes ?? flows)}`;
  // Logs and tables have rows alone.
  const done = packets > 0 ? packets : flows;
  const rate = elapsedMs > 0 ? (done / elapsedMs) * 1000 : 0;
  const left =
    fraction === undefined || fraction === 0 ? '' : `  ${formatLeft((elapsedMs / fraction) * (1 - fraction))} left`;
  const size = totalBytes === undefined ? humanBytes(bytes) : `${humanBytes(bytes)} of ${humanBytes(totalBytes)}`;
  return `reading ${safeText(shortName(input), 32)}${percent}  ${size}  ${humanCount(rate)} ${packets > 0 ? 'packets' : 'rows'}/s${left}`;
}

function shortName(input: string): string {
  return input === '-' ? 'standard input' : (input.split(/[\\/]/).at(-1) ?? input);
}

function formatLeft(ms: number): string {
  const seconds = Math.max(1, Math.ceil(ms / 1000));
  return seconds < 60 ? `${seconds} s` : `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
}
