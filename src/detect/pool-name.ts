/** What `poolName` says. */
export const NO_NAME = 0;
export const LIKE_A_POOL = 1;
export const KNOWN_POOL = 2;

/** Registrable domains whose hosts other than the web page are pools, as the pools' own instructions name them. */
const POOL_DOMAINS: ReadonlySet<string> = new Set([
  '2miners.com',
  'antpool.com',
  'c3pool.com',
  'c3pool.org',
  'crypto-pool.fr',
  'dwarfpool.com',
  'ethermine.org',
  'ezil.me',
  'f2pool.com',
  'flexpool.io',
  'flypool.org',
  'gntl.uk',
  'hashcity.org',
  'hashvault.pro',
  'herominers.com',
  'hiveon.com',
  'hiveon.net',
  'k1pool.com',
  'kryptex.network',
  'luckpool.net',
  'mining-dutch.nl',
  'miningocean.org',
  'miningpoolhub.com',
  'minergate.com',
  'minexmr.com',
  'monerohash.com',
  'moneroocean.stream',
  'monerop.com',
  'nanopool.org',
  'nicehash.com',
  'poolin.com',
  'poolin.me',
  'prohashing.com',
  'rplant.xyz',
  'skypool.org',
  'slushpool.com',
  'supportxmr.com',
  'suprnova.cc',
  'unmineable.com',
  'viabtc.com',
  'woolypooly.com',
  'xmrpool.eu',
  'xmrpool.net',
  'zergpool.com',
  'zpool.ca',
]);

/** First labels of such domains that are pages for people, and the names behind them. */
const PAGES: ReadonlySet<string> = new Set([
  'www',
  'api',
  'blog',
  'help',
  'support',
  'docs',
  'status',
  'cdn',
  'static',
  'account',
  'mail',
]);
const COIN =
  /(^|[.\d-])(xmr|monero|btc|bitcoin|ltc|etc|eth|ethash|kawpow|randomx|rvn|zec|equihash|kas|kaspa|erg|doge|scrypt)($|[.\d-])/;
const MINING_WORD = /(^|[.\d-])(stratum\d?|mining|miner|xmrig)($|[.\d-])/;
/** One of these is in every name that has two of the words below. */
const ANY_WORD = /pool|stratum|mining|miner|xmrig/;
const POOL_WORD = /(^|[.\d-])\w*pool\d?($|[.\d-])/;

/** What a host name says: 2 a pool that is known, 1 a name like a pool's, 0 nothing. Names of web pages say nothing. */
export function poolName(name: string): number {
  if (name.length > 253) return NO_NAME;
  const lower = name.toLowerCase();
  const text = lower.endsWith('.') ? lower.slice(0, -1) : lower;
  const dot = text.lastIndexOf('.', text.lastIndexOf('.') - 1);
  const isPage = PAGES.has(text.slice(0, Math.max(0, text.indexOf('.'))));
  if (POOL_DOMAINS.has(text.slice(dot + 1))) return dot >= 0 && !isPage ? KNOWN_POOL : NO_NAME;
  // Nearly all names end here.
  if (!ANY_WORD.test(text) || isPage || !text.includes('.')) return NO_NAME;
  const words = Number(MINING_WORD.test(text)) + Number(COIN.test(text)) + Number(POOL_WORD.test(text));
  return words >= 2 ? LIKE_A_POOL : NO_NAME;
}
