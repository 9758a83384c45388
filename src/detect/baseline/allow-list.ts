import { nearest, safeText } from '../../core/index.ts';
import { NetworkSet } from '../../wire/index.ts';
import { listOf, normalMac, parseMacPrefix } from './baseline.ts';
import { BaselineFile } from './file.ts';
import { frameProtocol, isKnownProtocol, layerOfProtocol, protocolKey, protocolLabel } from './protocol.ts';
import {
  BASELINE_VERSION,
  type BaselineDevice,
  type BaselineDocument,
  type BaselineLayer,
  type BaselineStatus,
} from './schema.ts';

/**
 * Allow-lists of older tools as a baseline: text files that name known devices, or allowed protocols, one or several on a line.
 *
 * **Devices.** A line begins with an address: the vendor's part of a MAC in any of its forms (`B827EB`, `B8:27:EB`, `b8-27-eb`, `70:B3:D5:7F:20:00/36` as in Wireshark's `manuf`), a
 * whole MAC, an IP address or a network in CIDR form; several may follow one another for one device. What comes after them, past blanks, a comma, a tab, `:` or `=`, is its name; of the three columns of
 * `manuf` the last. Older tools cut every MAC to its vendor; here a whole MAC is that device alone.
 *
 * **Protocols.** Names parted by commas, semicolons or lines, in capitals or not, as those tools have them (`IPV6-ICMP`, `ETH-0x88CC`), each put to the layer where it belongs.
 *
 * In both, blank lines and comments (`#`, `;`, `//`, and `#` after an entry) are passed over, line ends are of any kind, and quotes, brackets and commas of a list that was taken out of a
 * program's source (`known_ouis = {`, `"B827EB": "Raspberry Pi",`) are no part of an entry. A line that is wrong is left out and told by its number. Nothing is run: a pickled list has to be printed by
 * the program that made it.
 */
export type AllowListKind = 'devices' | 'protocols';

/** A line that is no entry, or one that says again what an earlier one said. */
export interface AllowListProblem {
  /** From 1. */
  readonly line: number;
  /** What is wrong, and what would be right where that can be told. */
  readonly reason: string;
}

/** What a text lists. */
export interface AllowList {
  readonly kind: AllowListKind;
  readonly devices: readonly BaselineDevice[];
  readonly protocols: readonly { readonly layer: BaselineLayer; readonly name: string }[];
  /** Wrong lines, and repeated entries; at most `MAX_PROBLEMS` are kept of each. */
  readonly wrong: readonly AllowListProblem[];
  readonly wrongCount: number;
  readonly repeated: readonly AllowListProblem[];
  readonly repeatedCount: number;
}

const MAX_PROBLEMS = 1000;
const MAX_LINE = 10_000;
/** As many as a baseline may have. */
const MAX_DEVICES = 50_000;
const MAX_IN_ONE = 1000;
const MAX_NAME = 255;

/** Lines with their numbers, without comments and layout of source code. */
function* entriesOf(text: string): Generator<{ line: number; entry: string }> {
  const lines = text.replace(/^\uFEFF/, '').split(/\r\n|\n|\r/);
  for (const [i, whole] of lines.entries()) {
    const line = i + 1;
    const trimmed = whole.trim();
    if (trimmed === '' || /^(?:#|;|\/\/)/.test(trimmed)) continue;
    if (trimmed.length > MAX_LINE) {
      yield { line, entry: trimmed };
      continue;
    }
    const entry = trimmed
      .replace(/\s+#.*$/, '')
      // known_ouis = {   allowed_protocols = set([
      .replace(/^[A-Za-z_]\w*\s*=\s*(?=[[({]|set\b)/, '')
      .replace(/^set\s*(?=[[(])/, '')
      .replace(/^[\s[({]+|[\s\]},;]+$/g, '');
    // A bracket that was opened on another line.
    const closed = entry.includes('(') ? entry : entry.replace(/[\s\])},;]+$/, '');
    if (closed !== '') yield { line, entry: closed };
  }
}

/** What a text lists, told from its lines: undefined where as many could be of either kind. */
export function allowListKind(text: string): AllowListKind | undefined {
  let devices = 0;
  let protocols = 0;
  let seen = 0;
  for (const { entry } of entriesOf(text)) {
    if (addressesOf(entry).addresses.length > 0) devices++;
    if (namesOf(entry).some(isKnownProtocol)) protocols++;
    if (++seen >= MAX_PROBLEMS) break;
  }
  return devices === protocols ? undefined : devices > protocols ? 'devices' : 'protocols';
}

/** Reads a text as a list of that kind. Never throws. */
export function parseAllowList(text: string, kind: AllowListKind): AllowList {
  const problems = new Problems();
  const devices: BaselineDevice[] = [];
  const protocols: { layer: BaselineLayer; name: string }[] = [];
  const seen = new Map<string, number>();
  /** The group of prefixes that has a name, by that name. */
  const vendors = new Map<string, { device: BaselineDevice; prefixes: string[] }>();
  const isNew = (key: string, shown: string, line: number): boolean => {
    const first = seen.get(key);
    if (first === undefined) seen.set(key, line);
    else problems.repeat(line, `${safeText(shown, 60)} is in line ${first} already`);
    return first === undefined;
  };
  const takeDevice = (line: number, entry: string): void => {
    const { addresses, fault, rest } = addressesOf(entry);
    if (fault !== undefined || addresses.length === 0) {
      problems.wrong(
        line,
        fault ?? `'${safeText(entry, 60)}' is no MAC, no beginning of one, no address and no network`,
      );
      return;
    }
    const fresh = addresses.filter(({ key, text: shown }) => isNew(key, shown, line));
    if (fresh.length === 0) return;
    const name = safeText(rest, MAX_NAME - 1);
    const of = (type: Address['type']): string[] => fresh.flatMap((one) => (one.type === type ? [one.text] : []));
    const [macs, ips, prefixes] = [of('mac'), of('ip'), of('prefix')];
    if (prefixes.length > 0 && (macs.length > 0 || ips.length > 0)) {
      problems.wrong(line, 'a beginning of MACs stands beside an address: it is either any device of a vendor or one');
      return;
    }
    const vendor = name === '' || prefixes.length === 0 ? undefined : vendors.get(name);
    if (vendor !== undefined && vendor.prefixes.length + prefixes.length <= MAX_IN_ONE) {
      vendor.prefixes.push(...prefixes);
      return;
    }
    if (devices.length >= MAX_DEVICES) {
      problems.wrong(line, `there is room for ${MAX_DEVICES} devices`);
      return;
    }
    const device: BaselineDevice = {
      ...(name === '' ? {} : { name }),
      ...(macs.length > 0 ? { mac: oneOrAll(macs) } : {}),
      // The list itself: what is added to it later is part of the device.
      ...(prefixes.length > 0 ? { vendorPrefix: prefixes } : {}),
      ...(ips.length > 0 ? { ip: oneOrAll(ips) } : {}),
    };
    devices.push(device);
    if (prefixes.length > 0 && name !== '') vendors.set(name, { device, prefixes });
  };
  for (const { line, entry } of entriesOf(text)) {
    if (entry.length > MAX_LINE) {
      problems.wrong(line, `a line of ${entry.length} characters is no entry`);
      continue;
    }
    if (kind === 'protocols') {
      for (const given of namesOf(entry)) {
        if (!isKnownProtocol(given)) {
          const near = nearest(given, COMMON);
          const shown = safeText(given, 60);
          problems.wrong(line, `unknown protocol '${shown}'${near === undefined ? '' : `; did you mean '${near}'?`}`);
        } else if (isNew(protocolKey(given), given, line))
          protocols.push({ layer: layerOfProtocol(given), name: labelOf(given) });
      }
      continue;
    }
    for (const part of entry.split(PAIRS)) takeDevice(line, part);
  }
  const plain = devices.map((device) =>
    Array.isArray(device.vendorPrefix) ? { ...device, vendorPrefix: oneOrAll(device.vendorPrefix) } : device,
  );
  return { kind, devices: plain, protocols, ...problems.told() };
}

function oneOrAll(texts: string[]): string | string[] {
  return texts.length === 1 ? (texts[0] ?? '') : texts;
}

class Problems {
  readonly #wrong: AllowListProblem[] = [];
  readonly #repeated: AllowListProblem[] = [];
  #wrongCount = 0;
  #repeatedCount = 0;

  wrong(line: number, reason: string): void {
    if (this.#wrongCount++ < MAX_PROBLEMS) this.#wrong.push({ line, reason });
  }

  repeat(line: number, reason: string): void {
    if (this.#repeatedCount++ < MAX_PROBLEMS) this.#repeated.push({ line, reason });
  }

  told(): Pick<AllowList, 'wrong' | 'wrongCount' | 'repeated' | 'repeatedCount'> {
    return {
      wrong: this.#wrong,
      wrongCount: this.#wrongCount,
      repeated: this.#repeated,
      repeatedCount: this.#repeatedCount,
    };
  }
}

/** What a wrong name is likely to have been meant for. */
const COMMON = [
  'TCP',
  'UDP',
  'ICMP',
  'ICMPv6',
  'IPv6',
  'IGMP',
  'ARP',
  'LLDP',
  'GRE',
  'DNS',
  'DHCP',
  'HTTP',
  'TLS',
  'QUIC',
  'SSH',
  'NTP',
  'SMB',
];

/** Names of protocols on a line. Blanks part them only where the line as a whole is no name. */
function namesOf(entry: string): string[] {
  return entry
    .split(/[,;|\t]/)
    .map((part) =>
      part
        .trim()
        .replace(/^["'`]+|["'`]+$/g, '')
        .trim(),
    )
    .filter((part) => part !== '')
    .flatMap((part) => {
      // ETH-0x88CC is what older tools call an EtherType; those that have a name are known by it.
      const type = /^eth-(0x[0-9a-f]{4})$/i.exec(part)?.[1];
      const name = type === undefined ? part : protocolLabel(frameProtocol(Number(type)));
      return isKnownProtocol(name) ? [name] : name.split(/\s+/);
    });
}

function labelOf(name: string): string {
  return protocolLabel(protocolKey(name));
}

interface Address {
  readonly type: 'mac' | 'prefix' | 'ip';
  /** As a baseline has it. */
  readonly text: string;
  readonly key: string;
}

/** The addresses that an entry begins with, and what follows them. */
function addressesOf(entry: string): { addresses: Address[]; rest: string; fault: string | undefined } {
  const addresses: Address[] = [];
  let rest = entry;
  for (let field = fieldOf(rest); field !== undefined; field = fieldOf(rest)) {
    const address = addressOf(field.text);
    // 'facade' is six digits, and a name where something stands before it.
    if (address === undefined || (addresses.length > 0 && /^[a-f]+$/i.test(field.text))) break;
    if (typeof address === 'string') return { addresses: [], rest, fault: address };
    addresses.push(address);
    rest = field.rest;
  }
  // Of columns parted by tabs the last is the whole name.
  const name = (rest.split('\t').findLast((column) => column.trim() !== '') ?? '').trim();
  return { addresses, rest: name.replace(/^["'`]+|["'`,]+$/g, '').trim(), fault: undefined };
}

/** Between two pairs of a dictionary that was written in one line. */
const PAIRS = /,\s*(?=["'][0-9a-f:.-]+["']\s*:)/i;

const SPACED = /^(?:[0-9a-f]{2} ){2,5}[0-9a-f]{2}(?![0-9a-z])/i;
const BARE_WITH_COLON = /^([0-9a-f]{6}|[0-9a-f]{12}):/i;

/** The first field of a line, and what follows its delimiter. */
function fieldOf(line: string): { text: string; rest: string } | undefined {
  const quoted = /^(["'`])(.*?)\1/.exec(line);
  const spaced = SPACED.exec(line);
  const colon = BARE_WITH_COLON.exec(line);
  const plain = /^[^\s,;=|]+/.exec(line);
  const [whole, text] =
    quoted !== null
      ? [quoted[0], quoted[2] ?? '']
      : spaced !== null
        ? [spaced[0], spaced[0].replaceAll(' ', ':')]
        : colon !== null
          ? [colon[1] ?? '', colon[1] ?? '']
          : [plain?.[0] ?? '', (plain?.[0] ?? '').replace(/:$/, '')];
  if (text === '') return undefined;
  return { text: text.trim(), rest: line.slice(whole.length).replace(/^[\s,;=|:]+/, '') };
}

const PREFIX =
  /^(?:[0-9a-f]{2}(?:[:-][0-9a-f]{2}){2,5}|[0-9a-f]{6,12}|[0-9a-f]{2}\.[0-9a-f]{2}\.[0-9a-f]{2}|[0-9a-f]{4}\.[0-9a-f]{2})(?:\/\d{2})?$/i;
const WHOLE_MAC = /^(?:[0-9a-f]{2}(?:[:-][0-9a-f]{2}){5}|[0-9a-f]{12}|[0-9a-f]{4}\.[0-9a-f]{4}\.[0-9a-f]{4})$/i;

/** The address that a field is; a sentence where it is one that can't be known; undefined where it is none. */
function addressOf(field: string): Address | string | undefined {
  if (WHOLE_MAC.test(field)) {
    const mac = normalMac(field) ?? '';
    // The lowest bit of the first byte: a group, broadcast included.
    if ((Number.parseInt(mac.slice(0, 2), 16) & 1) === 1)
      return `${mac} is the address of a group, and no device has it`;
    return { type: 'mac', text: mac, key: mac };
  }
  if (/[.:]/.test(field) && /^[0-9a-f:.]+(?:\/\d{1,3})?$/i.test(field) && NetworkSet.parse([field]) !== undefined)
    return { type: 'ip', text: field.toLowerCase(), key: field.toLowerCase() };
  const prefix = PREFIX.test(field) ? parseMacPrefix(field) : undefined;
  if (prefix === undefined) return undefined;
  const { digits, bits } = prefix;
  const text = digits.replace(/..(?=.)/g, '$&:');
  return {
    type: 'prefix',
    text: bits === 4 * digits.length ? text : `${text}/${bits}`,
    key: `${digits.slice(0, Math.ceil(bits / 4))}/${bits}`,
  };
}

/**
 * The baseline that lists make together.
 * @param status of all entries; approved where absent
 */
export function baselineOfLists(lists: readonly AllowList[], status: BaselineStatus = 'approved'): BaselineDocument {
  const mark = status === 'approved' ? {} : { status };
  const known = new Set<string>();
  const devices = lists.flatMap((list) =>
    list.devices.flatMap((device) => {
      const addresses = [...listOf(device.mac), ...listOf(device.vendorPrefix), ...listOf(device.ip)];
      const isRepeated = addresses.every((address) => known.has(address));
      for (const address of addresses) known.add(address);
      return isRepeated ? [] : [{ ...device, ...mark }];
    }),
  );
  const protocols: { [layer in BaselineLayer]?: (string | { name: string; status: BaselineStatus })[] } = {};
  const seen = new Set<string>();
  for (const { layer, name } of lists.flatMap((list) => list.protocols)) {
    if (seen.has(name)) continue;
    seen.add(name);
    protocols[layer] = [...(protocols[layer] ?? []), status === 'approved' ? name : { name, status }];
  }
  return {
    version: BASELINE_VERSION,
    devices,
    ...(seen.size === 0 ? {} : { protocols }),
  };
}

/** The same as the text of a baseline file. @param file its name, for messages */
export function baselineText(lists: readonly AllowList[], file: string, status?: BaselineStatus): string {
  return BaselineFile.of(baselineOfLists(lists, status), file).text;
}
