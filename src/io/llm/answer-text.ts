/** Starts of an object that are tried in a text around it. */
const MAX_STARTS = 64;

/**
 * The one JSON object in what a model said: the text itself, or the object in a code fence, between words, or behind a `<think>` part. Where several objects stand there, the one that has all `required`
 * members. Undefined where there is none, where it is cut off, or where more than one could be meant: nothing is mended, because a mended answer would be a guess at what the model meant to say.
 */
export function findAnswer(text: string, required: readonly string[]): string | undefined {
  const spoken = text.replace(/^\uFEFF/, '').replace(/^\s*<think>[\s\S]*?<\/think>/i, '');
  const whole = spoken.trim();
  if (isAnswer(whole, required)) return whole;
  const found: string[] = [];
  let starts = 0;
  for (let at = spoken.indexOf('{'); at >= 0 && starts < MAX_STARTS; starts++) {
    const end = endOfObject(spoken, at);
    const part = end === undefined ? undefined : spoken.slice(at, end);
    if (part !== undefined && isObject(part)) {
      found.push(part);
      at = spoken.indexOf('{', end);
    } else at = spoken.indexOf('{', at + 1);
  }
  const fitting = found.filter((part) => isAnswer(part, required));
  const [only] = fitting;
  return fitting.length === 1 || fitting.every((part) => part === only) ? only : undefined;
}

/** Whether it is a JSON object at all. */
export function isObject(text: string): boolean {
  return membersOf(text) !== undefined;
}

function isAnswer(text: string, required: readonly string[]): boolean {
  const members = membersOf(text);
  return members !== undefined && required.every((name) => Object.hasOwn(members, name));
}

function membersOf(text: string): object | undefined {
  if (!text.startsWith('{')) return undefined;
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? value : undefined;
  } catch {
    // What is no JSON is the answer to the question asked here.
    return undefined;
  }
}

/** The index behind the brace that closes the one at `at`; braces in strings don't count. */
function endOfObject(text: string, at: number): number | undefined {
  let depth = 0;
  let inString = false;
  for (let i = at; i < text.length; i++) {
    const c = text[i];
    if (inString) {
      if (c === '\\') i++;
      else if (c === '"') inString = false;
    } else if (c === '"') inString = true;
    else if (c === '{') depth++;
    else if (c === '}' && --depth === 0) return i + 1;
  }
  return undefined;
}

/** How a model says that it will not, in the first words of an answer without an object. */
const REFUSAL =
  /^\W*(?:i['’]?m (?:really |very )?sorry|sorry|i apologi[sz]e|unfortunately,? i|as an ai|i (?:can(?:no|['’])t|can not|am (?:unable|not able)|['’]m (?:unable|not able)|won['’]t|will not|must decline|decline))/i;

/** Whether a text without an object is a refusal in words. */
export function isRefusal(text: string): boolean {
  return REFUSAL.test(text.replace(/^\s*<think>[\s\S]*?<\/think>/i, ''));
}
