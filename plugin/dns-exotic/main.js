/** A function of one name as a feature. */
const ofName =
  (measure) =>
  ({ name }, settings) =>
    name.map((one) => measure(one.replace(/\.$/, '').toLowerCase(), settings));

const isDigit = (ch) => ch >= '0' && ch <= '9';
const isLetter = (ch) => ch >= 'a' && ch <= 'z';

function alternation(name) {
  let changes = 0;
  for (let i = 1; i < name.length; i++)
    if ((isDigit(name[i]) && isLetter(name[i - 1])) || (isLetter(name[i]) && isDigit(name[i - 1]))) changes++;
  return name.length < 2 ? NaN : changes / (name.length - 1);
}

function repetition(name) {
  if (name.length < 2) return NaN;
  const counts = new Map();
  for (let i = 1; i < name.length; i++) {
    const pair = name.slice(i - 1, i + 1);
    counts.set(pair, (counts.get(pair) ?? 0) + 1);
  }
  return Math.max(...counts.values()) / (name.length - 1);
}

const BASE32 = 'abcdefghijklmnopqrstuvwxyz234567';

/** RFC 4648 without padding, as tunnels put it into labels. */
function decodeBase32(label) {
  const bytes = [];
  let [held, bits] = [0, 0];
  for (const ch of label) {
    const value = BASE32.indexOf(ch);
    if (value < 0) return undefined;
    held = ((held << 5) | value) & 0xfff;
    bits += 5;
    if (bits >= 8) {
      bits -= 8;
      bytes.push((held >> bits) & 0xff);
    }
  }
  return bytes;
}

function base32Entropy(name, { least }) {
  const [label] = name.split('.');
  const bytes = label.length < least ? undefined : decodeBase32(label);
  if (bytes === undefined || bytes.length === 0) return NaN;
  const counts = new Map();
  for (const byte of bytes) counts.set(byte, (counts.get(byte) ?? 0) + 1);
  let bits = 0;
  for (const count of counts.values()) bits -= (count / bytes.length) * Math.log2(count / bytes.length);
  return bits;
}

export const features = {
  alternation: ofName(alternation),
  longest_label: ofName((name) => Math.max(...name.split('.').map((label) => label.length))),
  repetition: ofName(repetition),
  b32_entropy: ofName(base32Entropy),
  label_shape: ofName((name) =>
    name
      .split('.')[0]
      .replace(/[a-z]+/g, 'a')
      .replace(/\d+/g, '9')
      .slice(0, 40),
  ),
};

export const filters = {
  is_reverse: ofName((name) => name.endsWith('.in-addr.arpa') || name.endsWith('.ip6.arpa')),
};

const OPT = 41;
const COOKIE = 10;

/** The place behind a name; undefined where it does not end. */
function skipName(bytes, at) {
  for (let i = at; i < bytes.length; i += 1 + bytes[i]) {
    if (bytes[i] === 0) return i + 1;
    if (bytes[i] >= 0xc0) return i + 2;
    if (bytes[i] >= 0x40) return undefined;
  }
  return undefined;
}

export const decoders = {
  /** RFC 1035 section 4, RFC 6891 section 6.1, RFC 7873 section 4. */
  dns_cookie(bytes) {
    if (bytes.length < 12) return undefined;
    const word = (at) => (bytes[at] << 8) | bytes[at + 1];
    let at = 12;
    for (let i = word(4); i > 0 && at !== undefined; i--) {
      at = skipName(bytes, at);
      if (at !== undefined) at += 4;
    }
    for (let i = word(6) + word(8) + word(10); i > 0 && at !== undefined; i--) {
      at = skipName(bytes, at);
      if (at === undefined || at + 10 > bytes.length) return undefined;
      const [type, length] = [word(at), word(at + 8)];
      const end = at + 10 + length;
      if (end > bytes.length) return undefined;
      for (let option = at + 10; type === OPT && option + 4 <= end; option += 4 + word(option + 2))
        if (word(option) === COOKIE && word(option + 2) >= 8 && option + 12 <= end) {
          const client = Array.from(bytes.subarray(option + 4, option + 12), (byte) =>
            byte.toString(16).padStart(2, '0'),
          ).join('');
          return { name: 'dns-cookie', summary: `client cookie ${client}`, columns: { client } };
        }
      at = end;
    }
    return undefined;
  },
};
