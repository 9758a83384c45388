import { counted, EXIT, humanBytes, safeText, UserError } from '../../core/index.ts';
import { type AllowList, type AllowListKind, allowListKind, baselineText, parseAllowList } from '../../detect/index.ts';
import { FEATURE_PACKS } from '../../feature/index.ts';
import { loadModel, toJson, toOnnx } from '../../model/index.ts';
import { aboutFile } from '../model-input.ts';
import { openOutput } from '../output.ts';
import { note } from '../terminal.ts';
import type { ConvertFlags, Target } from './model.ts';
import { readWholeFile } from './model-inspect.ts';

const BY_ENDING: Readonly<Record<string, Target>> = {
  json: 'json',
  safetensors: 'safetensors',
  onnx: 'onnx',
  yaml: 'yaml',
  yml: 'yaml',
};

/** `model convert`. */
export function runConvert(inputs: readonly string[], flags: ConvertFlags): number {
  const ending = /\.([a-z]+)$/i.exec(flags.out)?.[1]?.toLowerCase() ?? '';
  const to = flags.to ?? BY_ENDING[ending];
  if (to === undefined)
    throw new UserError(
      `--out ${safeText(flags.out, 200)}: its ending does not say what to write`,
      'say it with --to: json, safetensors, onnx or yaml',
    );
  if (to === 'yaml') return convertLists(inputs, flags);
  for (const option of ['devices', 'protocols', 'proposed'] as const)
    if (flags[option] !== undefined)
      throw new UserError(`--${option} is for lists of older tools`, 'they become a baseline, with --to yaml');
  const [file, second] = inputs;
  if (file === undefined) throw new UserError('no model file is given', 'as in model.safetensors');
  if (second !== undefined)
    throw new UserError(`${safeText(second, 200)}: one model file is converted at a time`, 'call it once for each');
  const bytes = readWholeFile(file);
  const content = aboutFile(file, () => {
    const model = loadModel(bytes);
    if (to === 'json') return toJson(model);
    return to === 'onnx' ? toOnnx(model, { features: FEATURE_PACKS.flatMap((pack) => pack.features) }) : model.save();
  });
  const size = write(flags.out, [file], content);
  if (flags.quiet !== true) note(`wrote ${safeText(flags.out, 300)} (${humanBytes(size)})`);
  return EXIT.done;
}

function write(file: string, read: readonly string[], content: string | Uint8Array): number {
  const output = openOutput(file, read);
  try {
    output.write(content);
    output.finish();
  } finally {
    output.discard();
  }
  return typeof content === 'string' ? Buffer.byteLength(content) : content.length;
}

const MAX_LIST_BYTES = 64 * 1024 * 1024;
const MAX_TOLD = 20;

function convertLists(inputs: readonly string[], flags: ConvertFlags): number {
  const asked: [string, AllowListKind | undefined][] = [
    ...inputs.map((file): [string, undefined] => [file, undefined]),
    ...(flags.devices ?? []).map((file): [string, AllowListKind] => [file, 'devices']),
    ...(flags.protocols ?? []).map((file): [string, AllowListKind] => [file, 'protocols']),
  ];
  if (asked.length === 0)
    throw new UserError('no list is given', 'as in known_devices.txt allowed_protocols.txt --to yaml');
  const lists = asked.map(([file, kind]) => readList(file, kind));
  const devices = lists.reduce((sum, { list }) => sum + list.devices.length, 0);
  const protocols = lists.reduce((sum, { list }) => sum + list.protocols.length, 0);
  if (flags.quiet !== true) for (const { file, list } of lists) tellList(file, list);
  if (devices + protocols === 0)
    throw new UserError('no line of the lists is an entry', 'nothing was written; each line above says what is wrong');
  const text = baselineText(
    lists.map(({ list }) => list),
    flags.out,
    flags.proposed === true ? 'proposed' : undefined,
  );
  write(
    flags.out,
    asked.map(([file]) => file),
    text,
  );
  if (flags.quiet !== true)
    note(
      `wrote ${safeText(flags.out, 300)}: ${counted(devices, 'device entry', 'device entries')}, ${counted(protocols, 'protocol')}`,
    );
  return EXIT.done;
}

function readList(file: string, kind: AllowListKind | undefined): { readonly file: string; readonly list: AllowList } {
  const bytes = readWholeFile(file);
  const shown = safeText(file, 200);
  if (bytes.length > MAX_LIST_BYTES)
    throw new UserError(
      `${shown}: ${humanBytes(bytes.length)} is no list of devices or protocols`,
      'is it the right file?',
    );
  // Protocols 2 to 5 of pickle begin with this byte.
  if (bytes[0] === 0x80 || /\.(?:pkl|pickle)$/i.test(file))
    throw new UserError(
      `${shown}: a pickle is code as much as data, and is not read`,
      'print it with the Python that made it, as in: import pickle; d = pickle.load(open(FILE, "rb")); [print(k, d[k]) for k in d.get("known_ouis", d)]',
    );
  if (bytes.subarray(0, 4096).includes(0))
    throw new UserError(`${shown}: this is no text`, 'give a text file with an entry on each line');
  const text = new TextDecoder().decode(bytes);
  const told = kind ?? allowListKind(text);
  if (told === undefined)
    throw new UserError(
      `${shown}: its lines do not show whether it lists devices or protocols`,
      `say it: --devices ${shown} or --protocols ${shown}`,
    );
  return { file, list: parseAllowList(text, told) };
}

function tellList(
  file: string,
  { kind, devices, protocols, wrong, wrongCount, repeated, repeatedCount }: AllowList,
): void {
  const shown = safeText(file, 200);
  const entries =
    kind === 'devices'
      ? counted(devices.length, 'device entry', 'device entries')
      : counted(protocols.length, 'protocol');
  note(
    `${shown}: ${entries}, ${counted(repeatedCount, 'repeated entry', 'repeated entries')}, ${counted(wrongCount, 'wrong line')}`,
  );
  for (const { line, reason } of wrong.slice(0, MAX_TOLD)) note(`${shown}:${line}: ${reason}`);
  if (wrongCount > MAX_TOLD) note(`${shown}: ... and ${counted(wrongCount - MAX_TOLD, 'more wrong line')}`);
  for (const { line, reason } of repeated.slice(0, MAX_TOLD)) note(`${shown}:${line}: repeated: ${reason}`);
  if (repeatedCount > MAX_TOLD)
    note(`${shown}: ... and ${counted(repeatedCount - MAX_TOLD, 'more repeated entry', 'more repeated entries')}`);
}
