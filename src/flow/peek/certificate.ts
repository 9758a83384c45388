import { decodeX509, type X509Certificate } from '../../wire/index.ts';

const SEQUENCE = 0x30;
/** Certificates that are kept, by a hash of their bytes; a newcomer takes the place of whoever had it. */
const PLACES = 128;
/** Bytes of a certificate that is kept: few have more. */
const MOST_BYTES = 2048;

/**
 * Decodes certificates without digests, and keeps what it decoded: a network talks to few servers, each of which shows the same certificate every time. What is kept is told
 * apart by all of its bytes. Memory: 256 KiB of certificates, and what was read in them.
 */
export class Certificates {
  #bytes = new Uint8Array(PLACES * MOST_BYTES);
  #length = new Int32Array(PLACES);
  #known: (X509Certificate | undefined)[] = new Array<X509Certificate | undefined>(PLACES).fill(undefined);

  /** As `decodeX509` of `bytes[at, end)` gives it. */
  decode(bytes: Uint8Array, at: number, end: number): X509Certificate | undefined {
    const length = lengthOf(bytes, at, end);
    if (length === 0) return decodeX509(bytes, at, end, false);
    // FNV-1a over the first bytes and the last: serial number, names and signature are among them.
    let hash = 0x811c9dc5 ^ length;
    const middle = at + Math.min(length, 64);
    for (let i = at; i < middle; i++) hash = Math.imul(hash ^ bytes[i], 0x01000193);
    for (let i = Math.max(middle, at + length - 32); i < at + length; i++)
      hash = Math.imul(hash ^ bytes[i], 0x01000193);
    const place = (hash ^ (hash >>> 15)) & (PLACES - 1);
    const kept = place * MOST_BYTES;
    if (this.#length[place] === length) {
      let i = 0;
      while (i < length && this.#bytes[kept + i] === bytes[at + i]) i++;
      if (i === length) return this.#known[place];
    }
    const certificate = decodeX509(bytes, at, end, false);
    this.#length[place] = length;
    for (let i = 0; i < length; i++) this.#bytes[kept + i] = bytes[at + i];
    this.#known[place] = certificate;
    return certificate;
  }
}

/** Length of the certificate at `at`, by its first bytes; 0 when it is not whole, too long to be kept, or has its length in another form than certificates do. */
function lengthOf(bytes: Uint8Array, at: number, end: number): number {
  if (end - at < 4 || bytes[at] !== SEQUENCE || bytes[at + 1] !== 0x82) return 0;
  const length = 4 + ((bytes[at + 2] << 8) | bytes[at + 3]);
  return length <= MOST_BYTES && at + length <= end ? length : 0;
}
