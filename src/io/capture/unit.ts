import { UserError } from '../../core/index.ts';

const BYTE_UNITS: Readonly<Record<string, number>> = {
  '': 1,
  B: 1,
  K: 1e3,
  KB: 1e3,
  M: 1e6,
  MB: 1e6,
  G: 1e9,
  GB: 1e9,
  T: 1e12,
  TB: 1e12,
  KIB: 2 ** 10,
  MIB: 2 ** 20,
  GIB: 2 ** 30,
  TIB: 2 ** 40,
};

const TIME_UNITS: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1000,
  m: 60_000,
  min: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 604_800_000,
};

/** Bytes from '500', '100MB', '1.5 GB', '64MiB'; case does not matter, decimal units unless the i is there. Throws UserError naming `flag`. */
export function parseBytes(flag: string, text: string): number {
  const match = /^\s*(\d{1,15}(?:\.\d{1,6})?)\s*([a-z]{0,3})\s*$/i.exec(text);
  const unit = match === null ? undefined : BYTE_UNITS[(match[2] ?? '').toUpperCase()];
  const bytes = unit === undefined ? Number.NaN : Math.round(Number(match?.[1]) * unit);
  if (!(bytes > 0) || bytes > Number.MAX_SAFE_INTEGER)
    throw new UserError(
      `${flag} ${text}: expected a size above 0`,
      `for example ${flag} 100MB; units are kB, MB, GB, TB`,
    );
  return bytes;
}

/** Milliseconds from '90s', '15m', '1h', '30d', '500ms'; a number without unit is seconds, as in tcpdump's -G. Throws UserError naming `flag`. */
export function parseDuration(flag: string, text: string): number {
  const match = /^\s*(\d{1,12}(?:\.\d{1,6})?)\s*([a-z]{0,3})\s*$/i.exec(text);
  const word = (match?.[2] ?? '').toLowerCase();
  const unit = match === null ? undefined : TIME_UNITS[word === '' ? 's' : word];
  const ms = unit === undefined ? Number.NaN : Math.round(Number(match?.[1]) * unit);
  if (!(ms > 0) || ms > Number.MAX_SAFE_INTEGER)
    throw new UserError(`${flag} ${text}: expected a time above 0`, `for example ${flag} 15m; units are s, m, h, d, w`);
  return ms;
}
