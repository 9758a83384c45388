import { registrableDomain } from '../domain.ts';
import { TEXT_FUNCTIONS } from '../expression/function.ts';
import type { ExpressionFunction, Refusal, Value, ValueType } from '../expression/index.ts';
import { rounded } from '../expression/loop.ts';
import { levenshtein, looksBase64, shannonEntropy } from '../text-shape.ts';
import { BEACONING } from './beacon.ts';
import type { FunctionTable } from './function-table.ts';

/** What the functions below need that this folder does not hold. A function whose part is not handed in is refused with the reason. */
export interface FunctionParts {
  /** Rank of a registrable domain in a list of popular ones, from 1; undefined for one that is not listed. */
  readonly popularRank?: ((domain: string) => number | undefined) | undefined;
  /** How much a name looks made by a machine, 0..1; NaN where there is nothing to judge. */
  readonly dgaScore?: ((name: string) => number) | undefined;
}

/** What `alexa_1m_rating` gives for a domain that is not on the list. */
export const UNRANKED = 9_999_999;

const name = { name: 'name', type: 'text' } as const;

function ofName(gives: ValueType, meaning: string, call: (text: string) => Value | undefined): ExpressionFunction {
  return { takes: [name], gives, meaning, prepare: () => (text) => call(text as string) };
}

/**
 * The functions of the DNS plug-in of the 003 layout by their names, and what the parts handed in make possible. Metrics that were undefined or wrong
 * there are mended: an absent value is missing, a name that does not decode has no entropy of its decoded bytes.
 */
export function standardFunctions(parts: FunctionParts = {}): FunctionTable {
  const { popularRank, dgaScore } = parts;
  const needsList: Refusal = {
    reason: 'needs a ranked list of popular domains, and none was given',
    hint: 'give one, or take it away',
  };
  const needsModel: Refusal = {
    reason: 'needs the score of machine-made names, and none was given',
    hint: 'take it away',
  };
  const contacts: Refusal = {
    reason:
      'is not run: it sends requests to the suspect domain, which warns whoever runs it and can be turned against this network',
    hint: 'take the flag away; what the traffic itself shows is in the http and tls columns of flows',
  };
  const rank = (text: string): number | undefined => {
    const domain = registrableDomain(text);
    return domain === undefined ? undefined : popularRank?.(domain);
  };
  return {
    functions: {
      numbers_in_hostname: ofName(
        'number',
        'How many of its characters are digits or other number characters.',
        (text) => {
          let n = 0;
          for (const ch of text) if (/\p{N}/u.test(ch)) n++;
          return n;
        },
      ),
      hostname_entropy: ofName(
        'number',
        'Shannon entropy of all its characters, bits per character, 2 decimals.',
        (text) => rounded(shannonEntropy(text), 2),
      ),
      hostname_b32_entropy: ofName(
        'number',
        'The same of its bytes as Base32, where it is that; else missing.',
        (text) => decodedEntropy(text, BASE32, 5),
      ),
      hostname_b64_entropy: ofName(
        'number',
        'The same of its bytes as Base64, where it is that; else missing.',
        (text) => decodedEntropy(text, BASE64, 6),
      ),
      empty_query_name: {
        takes: [name],
        gives: 'boolean',
        meaning: 'Whether it is missing or empty.',
        seesMissing: true,
        prepare: () => (text) => text === undefined || text === '',
      },
      zulu_timestamp_hour: {
        ...TEXT_FUNCTIONS.hour,
        takes: TEXT_FUNCTIONS.hour.takes.slice(0, 1),
        prepare: inUtc('hour'),
      },
      zulu_timestamp_minutes: {
        ...TEXT_FUNCTIONS.minute,
        takes: TEXT_FUNCTIONS.minute.takes.slice(0, 1),
        prepare: inUtc('minute'),
      },
      levenshtein: {
        ...TEXT_FUNCTIONS.levenshtein,
        prepare: () => (a, b) => levenshtein((a as string).slice(0, 1024), (b as string).slice(0, 1024), 255),
      },
      remove_status_error: ofName('boolean', "Whether it is 'Error'.", (text) => text === 'Error'),
      remove_match: {
        takes: [
          { name: 'value', type: 'any' },
          { name: 'keyword', type: 'any', constant: true },
        ],
        gives: 'boolean',
        meaning: 'Whether it is the keyword.',
        prepare:
          ([, keyword]) =>
          (value) =>
            value === keyword || String(value) === String(keyword),
      },
      remove_tld: {
        takes: [name, { name: 'whitelisted', type: 'text', constant: true }],
        gives: 'boolean',
        meaning: 'Whether its registrable domain is the one given.',
        prepare: ([, whitelisted]) => {
          const wanted = String(whitelisted).toLowerCase();
          return (text) => registrableDomain(text as string) === wanted;
        },
      },
      has_dns_data_b64_encoded: ofName(
        'boolean',
        'Whether one of the answers in it is data in Base64: a bare value or a list as in ["a";"b"], addresses and host names left out.',
        (text) => answersOf(text).some((answer) => looksBase64(answer) && !answer.includes('.')),
      ),
      ...(popularRank === undefined
        ? {}
        : {
            popular_rank: ofName(
              'number',
              'Rank of its registrable domain among popular ones, from 1; else missing.',
              rank,
            ),
            alexa_1m_rating: ofName(
              'number',
              `Rank of its registrable domain among popular ones, from 0; ${UNRANKED} for one that is not listed.`,
              (text) => {
                const found = rank(text);
                return found === undefined ? UNRANKED : found - 1;
              },
            ),
            remove_alexa_1m: ofName(
              'boolean',
              'Whether its registrable domain is a popular one.',
              (text) => rank(text) !== undefined,
            ),
          }),
      ...(dgaScore === undefined
        ? {}
        : {
            dga_score: ofName('number', 'How much it looks made by a machine, 0 to 1.', dgaScore),
            dga_classify: ofName(
              'text',
              "'dga' where it looks made by a machine (a score of 0.5 or more), else 'legit'.",
              (text) => {
                const score = dgaScore(text);
                return Number.isNaN(score) ? undefined : score >= 0.5 ? 'dga' : 'legit';
              },
            ),
          }),
    },
    flags: { beaconing_detector: BEACONING },
    refused: {
      geo_from_ip: {
        reason: 'needs a data base of places, and none ships with this program',
        hint: 'take it away, or add the place to the records before',
      },
      http_or_https_server: contacts,
      http_and_https_server: contacts,
      ...(popularRank === undefined
        ? { alexa_1m_rating: needsList, remove_alexa_1m: needsList, popular_rank: needsList }
        : {}),
      ...(dgaScore === undefined ? { dga_classify: needsModel, dga_score: needsModel } : {}),
    },
  };
}

function inUtc(part: 'hour' | 'minute'): ExpressionFunction['prepare'] {
  return ([time]) => TEXT_FUNCTIONS[part].prepare([time], { zone: 'UTC' });
}

/**
 * The answers of a DNS record as logs write them: one bare value, or a list in square brackets, parted by semicolons or commas, with any quotes about
 * them that the log's own writer left there.
 */
export function answersOf(text: string): string[] {
  const trimmed = text.trim();
  const parts = trimmed.startsWith('[') ? withoutEnds(trimmed, '[]"\' ').split(/[;,]/) : [trimmed];
  return parts.map((part) => withoutEnds(part, '"\' ')).filter((part) => part !== '');
}

/** The text without any of these characters at its ends; in one pass, however many there are. */
function withoutEnds(text: string, characters: string): string {
  let from = 0;
  let to = text.length;
  while (from < to && characters.includes(text[from])) from++;
  while (to > from && characters.includes(text[to - 1])) to--;
  return text.slice(from, to);
}

const BASE32 = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';
const BASE64 = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';

/** Entropy of the bytes that a text encodes (RFC 4648), 2 decimals; undefined where it is not of that encoding. */
function decodedEntropy(text: string, alphabet: string, bits: number): number | undefined {
  const letters = bits === 5 ? text.toUpperCase() : text.replaceAll('-', '+').replaceAll('_', '/');
  // Padding stands at the end alone; the dot keeps the beginning as it is.
  const body = withoutEnds(`.${letters}`, '=').slice(1);
  if (body === '' || !(bits === 5 ? BASE32_TEXT : BASE64_TEXT).test(body)) return undefined;
  const rest = body.length % 8;
  if (bits === 5 ? rest === 1 || rest === 3 || rest === 6 : body.length % 4 === 1) return undefined;
  let held = 0;
  let width = 0;
  let bytes = '';
  for (const ch of body) {
    held = ((held << bits) | alphabet.indexOf(ch)) & 0xfff;
    width += bits;
    if (width >= 8) {
      width -= 8;
      bytes += String.fromCharCode((held >> width) & 0xff);
    }
  }
  return bytes === '' ? undefined : rounded(shannonEntropy(bytes), 2);
}

const BASE32_TEXT = /^[A-Z2-7]+$/;
const BASE64_TEXT = /^[A-Za-z0-9+/]+$/;
