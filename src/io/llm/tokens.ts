/** Characters of a prompt to a token before anything was measured: network text has about two. */
const FIRST_CHARS_PER_TOKEN = 2;
/** Nobody's text is so long to a token; fewer tokens than that were not all of it. */
const MOST_CHARS_PER_TOKEN = 7;
/** Answers that must be measured before their mean judges the next. */
const MEASURED = 3;
/** Of the tokens expected by the mean; below it the prompt was not read whole. */
const LEAST_SHARE = 0.6;
/** What a chat template adds to the messages, in tokens. */
const TEMPLATE_TOKENS = 256;
/** Beside the estimate, for texts with more tokens than the mean. */
const MARGIN = 1.2;
const FIRST_STEP = 2048;

/** Estimates tokens of one model's prompts: two characters to a token at first, then as its answers have shown. */
export class TokenEstimator {
  #chars = 0;
  #tokens = 0;
  #answers = 0;

  /** Takes what a server counted for a prompt that it read whole. */
  measure(chars: number, tokens: number): void {
    if (chars <= 0 || tokens <= 0) return;
    this.#chars += chars;
    this.#tokens += tokens;
    this.#answers++;
  }

  /** Characters to a token, measured or assumed. */
  get charsPerToken(): number {
    return this.#answers === 0 ? FIRST_CHARS_PER_TOKEN : this.#chars / this.#tokens;
  }

  estimate(chars: number): number {
    return Math.ceil(chars / this.charsPerToken);
  }

  /** Whether a server that counted so few tokens cannot have read all these characters. */
  isCut(chars: number, tokens: number): boolean {
    if (tokens < chars / MOST_CHARS_PER_TOKEN) return true;
    return this.#answers >= MEASURED && tokens < LEAST_SHARE * this.estimate(chars);
  }

  /** Tokens that the context must hold for a prompt of so many characters and its answer, with a margin. */
  need(chars: number, estimated: number, maxOutputTokens: number): number {
    const prompt = this.#answers === 0 ? Math.max(estimated, this.estimate(chars)) : this.estimate(chars) * MARGIN;
    return Math.ceil(prompt) + maxOutputTokens + TEMPLATE_TOKENS;
  }
}

/** The next of 2,048, 4,096, 8,192 ... that holds so many tokens. Few sizes, because a server loads the model anew for each. */
export function contextStep(tokens: number): number {
  let step = FIRST_STEP;
  while (step < tokens) step *= 2;
  return step;
}
