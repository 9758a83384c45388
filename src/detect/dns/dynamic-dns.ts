import { textAt } from '../../core/index.ts';
import type { FlowBatch } from '../../flow/index.ts';
import { BoundedMap, Cap } from '../bounded/bounded.ts';
import { answeredAddresses } from './answer.ts';

/**
 * Domains below which anybody gets a name at once and without giving one's own, that follows an address that changes (dynamic DNS), or leads into a tunnel to a host behind a router.
 * People use them for their cameras and storage at home, and operators of implants for the same reasons. As the services themselves publish them.
 */
const DYNAMIC_DOMAINS: ReadonlySet<string> = new Set([
  // DuckDNS, dynv6, YDNS, nsupdate.info, deSEC
  'duckdns.org',
  'dynv6.net',
  'ydns.eu',
  'nsupdate.info',
  'dedyn.io',
  // No-IP
  'bounceme.net',
  'ddns.net',
  'ddnsking.com',
  'freedynamicdns.net',
  'freedynamicdns.org',
  'gotdns.ch',
  'hopto.me',
  'hopto.org',
  'myddns.me',
  'myftp.biz',
  'myftp.org',
  'no-ip.biz',
  'no-ip.info',
  'no-ip.org',
  'noip.me',
  'redirectme.net',
  'servebeer.com',
  'serveblog.net',
  'servecounterstrike.com',
  'serveftp.com',
  'servegame.com',
  'servehalflife.com',
  'servehttp.com',
  'serveirc.com',
  'serveminecraft.net',
  'servemp3.com',
  'servepics.com',
  'servequake.com',
  'sytes.net',
  'viewdns.net',
  'webhop.me',
  'zapto.org',
  // Dynu
  'accesscam.org',
  'camdvr.org',
  'casacam.net',
  'ddnsfree.com',
  'ddnsgeek.com',
  'dynu.net',
  'freeddns.org',
  'giize.com',
  'gleeze.com',
  'kozow.com',
  'loseyourip.com',
  'mywire.org',
  'ooguy.com',
  'theworkpc.com',
  'webredirect.org',
  // FreeDNS
  'chickenkiller.com',
  'ignorelist.com',
  'jumpingcrab.com',
  'mooo.com',
  'strangled.net',
  'twilightparadox.com',
  'us.to',
  // DynDNS, DNSExit, ChangeIP, selfHOST, Securepoint
  'dyndns.biz',
  'dyndns.info',
  'dyndns.org',
  'homeip.net',
  'linkpc.net',
  'publicvm.com',
  'selfhost.eu',
  'spdns.de',
  'spdns.org',
  // tunnels
  'localto.net',
  'ngrok.app',
  'ngrok.io',
  'ngrok-free.app',
  'playit.gg',
  'ply.gg',
  'portmap.host',
  'portmap.io',
  'serveo.net',
]);

/** Whether a name lies below a domain of dynamic DNS or of tunnels; the domain itself is its maker's own page. */
export function isDynamicName(name: string): boolean {
  if (name.length > 253) return false;
  const lower = name.toLowerCase();
  const text = lower.endsWith('.') ? lower.slice(0, -1) : lower;
  const dot = text.lastIndexOf('.', text.lastIndexOf('.') - 1);
  return dot > 0 && DYNAMIC_DOMAINS.has(text.slice(dot + 1)) && !text.startsWith('www.');
}

/** The addresses that dynamic names led to, as answers of the DNS in the same input tell. */
export class DynamicAddresses {
  readonly #addresses: BoundedMap<string, true>;

  /** @param most how many are remembered; later ones are refused and counted. */
  constructor(most: number) {
    this.#addresses = new BoundedMap(new Cap('addresses of dynamic names', most));
  }

  /** Takes the answers to a question for a dynamic name. */
  learn(flows: FlowBatch, row: number): void {
    for (const address of answeredAddresses(textAt(flows.dnsAnswers, row))) this.#addresses.obtain(address, () => true);
  }

  has(address: string): boolean {
    return this.#addresses.get(address) === true;
  }

  get cap(): Cap {
    return this.#addresses.cap;
  }
}
