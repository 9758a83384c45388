import { nearest, safeText, UserError } from '../core/index.ts';
import {
  type ByteSource,
  looksLikeCapture,
  type OpenOptions,
  openInput,
  peekSource,
  plainName,
  ROW_FORMATS,
  type RowFormat,
  type TableSource,
} from '../io/index.ts';
import { isSimulated } from '../wire/index.ts';

/** What an input turned out to be. */
export interface ClassifiedInput {
  readonly name: string;
  /** Undefined for a capture, and for what nobody knows: the capture reader says what it is not. */
  readonly format: RowFormat | undefined;
  /** It is of a format of flows and has none, and so has every other input of the run: a table. */
  readonly isTable?: boolean;
  /** Opened already, where it can't be opened twice: standard input, a pipe. */
  readonly source?: ByteSource;
  /** Why it can be neither a capture nor a table: it can't be opened, is empty, or of no known format. */
  readonly unreadable?: UserError;
  /** It says of itself that it was made up. */
  readonly simulated?: boolean;
  /** Its rows, where it is no file but a place that gives rows: a collector, a stream. Then there is no format. */
  readonly rows?: TableSource;
}

/** What is asked of the name of a format in `--as`. */
export const CAPTURE_FORMAT = 'capture';

/**
 * Tells for each input what it holds, by its first bytes. An input that can't be opened counts as a capture: reading it tells why.
 * @param as the format that the user states for all of them
 */
export async function classifyInputs(
  names: readonly string[],
  options: OpenOptions & { readonly as?: string | undefined },
): Promise<ClassifiedInput[]> {
  const { as, ...open } = options;
  const stated = as === undefined ? undefined : ROW_FORMATS.find((format) => format.id === as);
  if (as !== undefined && stated === undefined && as !== CAPTURE_FORMAT) {
    const known = [CAPTURE_FORMAT, ...ROW_FORMATS.map(({ id }) => id)];
    const near = nearest(as, known);
    throw new UserError(
      `--as ${safeText(as, 40)}: there is no such format`,
      near === undefined ? `known ones: ${known.join(', ')}` : `did you mean '${near}'? anomalyst formats lists them`,
    );
  }
  const inputs: LookedAt[] = [];
  for (const name of names) {
    if (as !== undefined && stated?.givesFlows === undefined)
      inputs.push({ input: { name, format: stated }, hasFlows: true });
    else inputs.push(await classify(name, open, stated));
  }
  const noFlows = inputs.every(({ hasFlows, input }) => !hasFlows && input.format !== undefined);
  return inputs.map(({ input }) => (noFlows && input.format?.flows === true ? { ...input, isTable: true } : input));
}

interface LookedAt {
  readonly input: ClassifiedInput;
  readonly hasFlows: boolean;
}

async function classify(name: string, options: OpenOptions, stated: RowFormat | undefined): Promise<LookedAt> {
  let opened: ByteSource | undefined;
  try {
    opened = await openInput(name, options);
    const { head, source } = await peekSource(opened, looksLikeCapture);
    const format = stated ?? (looksLikeCapture(head) ? undefined : formatOf(head, name));
    const hasFlows =
      head.length === 0 || (format?.flows !== false && format?.givesFlows?.(head, plainName(name)) !== false);
    const told = {
      ...(format === undefined && isSimulated(head) ? { simulated: true } : {}),
      ...(format === undefined && !looksLikeCapture(head) ? { unreadable: unreadable(name, head) } : {}),
    };
    // What has a size is a file and is opened again when its turn comes.
    if (source.totalBytes === undefined) return { input: { name, format, source, ...told }, hasFlows };
    source.close();
    return { input: { name, format, ...told }, hasFlows };
  } catch (error) {
    opened?.close();
    // Whoever stopped the waiting for a pipe is told so; any other reason comes when the input is read.
    if (!(error instanceof UserError) || options.signal?.aborted === true) throw error;
    return { input: { name, format: stated, unreadable: error }, hasFlows: true };
  }
}

function unreadable(name: string, head: Uint8Array): UserError {
  return head.length === 0
    ? new UserError(`${name}: the input is empty (0 bytes)`, 'give a capture, a log or a table')
    : new UserError(
        `${name}: of no known format`,
        'anomalyst formats lists what can be read, plain or compressed with gzip, zstd or lz4',
      );
}

/** The first format that the bytes fit; undefined where none does. */
export function formatOf(head: Uint8Array, name: string): RowFormat | undefined {
  if (head.length === 0) return undefined;
  const plain = plainName(name);
  return ROW_FORMATS.find((format) => format.looksLike(head, plain));
}
