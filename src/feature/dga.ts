import { DGA_MODEL } from './data/dga-model.ts';
import { labelShape, SHAPE_NAMES, SYMBOLS, type SymbolTables } from './dga-shape.ts';
import { type DomainParts, domainParts } from './domain.ts';

/**
 * How much a domain name looks like the work of a domain generation algorithm: a small network over 18 numbers of the registered label, the strongest of
 * them its information by a trigram model of honest names (as Yadav et al., IMC 2010, and freq.py do), against a model of generated ones. Trained
 * offline by scripts/dga.ts, whose header says on what; `DGA_MODEL.summary` holds what it measured.
 *
 * Sees: names of random letters, digits, hexadecimal, and most pronounceable nonsense. Fooled by: names put together from dictionary words (Suppobox,
 * Matsnu, Gozi), which one by one look as honest ones do: for those count failing domains per source (`dns.failed-domains`). Honest names that it
 * calls strange: initialisms, licence plates, words of languages that are rare among the names that it learned from.
 */

/** Suffixes under which everybody registers names of their own choice, so that the label below is the one to judge; malware uses them as registries. */
const DYNAMIC_DNS: ReadonlySet<string> = new Set(
  `duckdns.org ddns.net hopto.org zapto.org sytes.net no-ip.org no-ip.biz no-ip.info noip.me myftp.org myftp.biz myvnc.com redirectme.net servebeer.com
  servegame.com serveftp.com servehttp.com 3utilities.com bounceme.net dyndns.org dyndns.info dyndns.biz dyndns.tv dynalias.com dynalias.org homeip.net
  homelinux.org homeftp.org mooo.com chickenkiller.com afraid.org strangled.net us.to dynu.net freeddns.org kozow.com giize.com theworkpc.com
  changeip.com dynv6.net ddnss.de spdns.de yi.org dnsalias.com gotdns.com selfip.com`.split(/\s+/),
);

/** Names that no registry sells. */
const RESERVED = /(?:^|\.)(?:arpa|onion|local|localhost|test|invalid|example|internal|alt)$/;

/**
 * The label that the score is of: the one that was registered, so that a hash below cloudfront.net is no matter; below a provider of dynamic DNS the one
 * that was chosen there. Undefined where there is none to judge: addresses, single labels, reverse and local names, names in Punycode (RFC 3492), whose
 * letters follow other laws, and labels shorter than 4 characters, which tell nothing.
 */
export function dgaLabel(name: string): string | undefined {
  const parts = domainParts(name);
  return parts === undefined ? undefined : dgaLabelOf(parts);
}

/** As `dgaLabel`, of a name that is already in its parts by the ICANN part of the list. */
export function dgaLabelOf(parts: DomainParts): string | undefined {
  if (parts.domain === undefined || !parts.known || RESERVED.test(parts.suffix)) return undefined;
  let label = parts.label;
  if (DYNAMIC_DNS.has(parts.domain)) {
    if (parts.subdomain === '') return undefined;
    label = parts.subdomain.slice(parts.subdomain.lastIndexOf('.') + 1);
  }
  return label === undefined || label.length < 4 || label.startsWith('xn--') ? undefined : label;
}

/**
 * 0 like an honest name to 1 like a generated one; 0.5 is what 1 in 100 honest names of the held-back part of its training data reach. NaN where there is
 * no label to judge (see `dgaLabel`). A single name proves nothing: look at how many of a source's names score high, and how many of them fail.
 */
export function dgaScore(name: string): number {
  const label = dgaLabel(name);
  return label === undefined ? Number.NaN : dgaLabelScore(label);
}

const BASE64 = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';
const shape = new Float64Array(SHAPE_NAMES.length);
/** The shape in deviations from the mean. */
const standard = new Float64Array(SHAPE_NAMES.length);
let loaded: { tables: SymbolTables; network: DgaNetwork } | undefined;

/** The score of a label alone, whatever name it is of. */
export function dgaLabelScore(label: string): number {
  loaded ??= { tables: decodeTables(DGA_MODEL.honest, DGA_MODEL.generated), network: DGA_MODEL.network };
  labelShape(label.toLowerCase(), loaded.tables, shape);
  return networkScore(loaded.network, shape);
}

/** One hidden layer of tanh units over standardised inputs, and a sigmoid. Shapes: `inputs` x `units` weights row by row of a unit. */
export interface DgaNetwork {
  readonly mean: readonly number[];
  readonly deviation: readonly number[];
  readonly hidden: readonly (readonly number[])[];
  readonly hiddenBias: readonly number[];
  readonly output: readonly number[];
  readonly outputBias: number;
}

/** The output of the network for a shape, 0..1. */
export function networkScore(network: DgaNetwork, input: Float64Array): number {
  const { mean, deviation, hidden, hiddenBias, output } = network;
  const n = mean.length;
  for (let i = 0; i < n; i++) standard[i] = Math.max(-5, Math.min(5, (input[i] - mean[i]) / deviation[i]));
  let z = network.outputBias;
  for (let u = 0; u < output.length; u++) {
    let sum = hiddenBias[u];
    const weights = hidden[u];
    for (let i = 0; i < n; i++) sum += weights[i] * standard[i];
    z += output[u] * Math.tanh(sum);
  }
  return 1 / (1 + Math.exp(-z));
}

/** Bits per step of the tables, which hold one Base64 digit (0..63) per value. */
export const BITS_PER_STEP = 0.25;

function decodeTables(honest: string, generated: string): SymbolTables {
  const decode = (text: string, length: number): Float32Array => {
    if (text.length !== length) throw new Error('the DGA model is damaged');
    return Float32Array.from(text, (digit) => BASE64.indexOf(digit) * BITS_PER_STEP);
  };
  return { honest: decode(honest, SYMBOLS ** 3), generated: decode(generated, SYMBOLS ** 2) };
}
