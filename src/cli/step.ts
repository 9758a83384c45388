const LINE_MS = 2000;

/** What long work does now, on standard error: one line that is redrawn on a terminal, a line every two seconds elsewhere. */
export class StepLine {
  readonly #terminal: boolean;
  readonly #width: number;
  #last = Number.NEGATIVE_INFINITY;
  #drawn = false;

  constructor(stream: { readonly isTTY?: boolean; readonly columns?: number }) {
    this.#terminal = stream.isTTY === true;
    this.#width = stream.columns ?? 80;
  }

  update(text: string): void {
    const now = performance.now();
    // At once: the step may be one that leaves no time to say so later.
    if (this.#terminal) {
      process.stderr.write(`\r\u001b[2K${text.slice(0, this.#width - 1)}`);
      this.#drawn = true;
      return;
    }
    if (text === '' || now - this.#last < LINE_MS) return;
    this.#last = now;
    process.stderr.write(`${text}\n`);
  }

  /** Takes the line away. */
  end(): void {
    if (this.#drawn) process.stderr.write('\r\u001b[2K');
    this.#drawn = false;
  }
}
