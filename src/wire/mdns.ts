import type { DnsFullMessage, DnsRecord } from './dns-message.ts';
import { dnsLabels, dnsNameText } from './dns-name.ts';

/** What a host says about itself in multicast DNS: RFC 6762 (names), RFC 6763 (service discovery). */

const A = 1;
const PTR = 12;
const TXT = 16;
const AAAA = 28;
const SRV = 33;
const ENUMERATION = '_services._dns-sd._udp.local';
const MAX_ITEMS = 64;

export interface MdnsHost {
  /** Lower case, in presentation form: 'bobs-iphone.local'. */
  readonly name: string;
  /** Addresses it says are its own, in the order they came. */
  readonly addresses: readonly string[];
}

export interface MdnsInstance {
  /** Name for people: 'Bob’s iPhone'. */
  readonly instance: string;
  /** '_ipp._tcp.local'. */
  readonly service: string;
  /** The host that gives the service, '' when this message does not say. */
  readonly host: string;
  /** 0 when this message does not say. */
  readonly port: number;
  /** Its TXT record in presentation form: '"model=J96AP"'; '' when there is none. */
  readonly text: string;
}

export interface MdnsAnnouncement {
  /** True for a query that probes whether these names are still free (RFC 6762 section 8.1); the sender is about to take them. */
  readonly isProbe: boolean;
  readonly hosts: readonly MdnsHost[];
  readonly instances: readonly MdnsInstance[];
  /** Service types without their instances: '_ipp._tcp.local'. */
  readonly services: readonly string[];
  /** Names whose records were taken back (TTL 0, section 10.1), lower case. */
  readonly goodbyes: readonly string[];
}

/**
 * What the sender of this message claims. A response claims its answers and additional records, a probe its authority records; the answers of a query are
 * what the asker heard from others (section 7.1) and claim nothing. Each list holds at most 64 items. Undefined where nothing is claimed.
 */
export function mdnsAnnouncement(message: DnsFullMessage): MdnsAnnouncement | undefined {
  const isProbe = !message.isResponse;
  const records = isProbe ? message.authorities : [...message.answers, ...message.additionals];
  if (records.length === 0) return undefined;
  const hosts = new Map<string, string[]>();
  const instances = new Map<string, { instance: string; service: string; host: string; port: number; text: string }>();
  const services = new Set<string>();
  const goodbyes = new Set<string>();

  const instanceOf = (written: string) => {
    const key = written.toLowerCase();
    const known = instances.get(key);
    if (known !== undefined) return known;
    const labels = dnsLabels(written);
    // <instance>.<_service>.<_tcp or _udp>.<domain>; a subtype (_printer._sub._http._tcp) names no instance.
    if (instances.size >= MAX_ITEMS || labels.length < 4 || !labels[1].startsWith('_') || !labels[2].startsWith('_'))
      return undefined;
    const made = {
      instance: dnsNameText(labels[0]),
      service: labels.slice(1).join('.').toLowerCase(),
      host: '',
      port: 0,
      text: '',
    };
    instances.set(key, made);
    return made;
  };

  for (const record of records) {
    if (record.isMalformed) continue;
    if (record.ttl === 0 && !isProbe) {
      goodbyes.add(record.type === PTR ? record.data.toLowerCase() : record.name);
      continue;
    }
    readRecord(record);
  }

  function readRecord(record: DnsRecord): void {
    switch (record.type) {
      case A:
      case AAAA: {
        const addresses = hosts.get(record.name) ?? [];
        if (hosts.size >= MAX_ITEMS && !hosts.has(record.name)) return;
        if (!addresses.includes(record.data)) addresses.push(record.data);
        hosts.set(record.name, addresses);
        return;
      }
      case PTR:
        if (record.name === ENUMERATION) services.add(record.data.toLowerCase());
        else if (record.name.startsWith('_')) instanceOf(record.data);
        return;
      case SRV: {
        const [, , port, host] = record.data.split(' ');
        const instance = instanceOf(record.written);
        if (instance === undefined) return;
        instance.host = host ?? '';
        instance.port = Number(port);
        return;
      }
      case TXT: {
        const instance = instanceOf(record.written);
        if (instance !== undefined) instance.text = record.data;
        return;
      }
      default:
        return;
    }
  }

  if (hosts.size + instances.size + services.size + goodbyes.size === 0) return undefined;
  return {
    isProbe,
    hosts: Array.from(hosts, ([name, addresses]) => ({ name, addresses })),
    instances: [...instances.values()],
    services: [...services],
    goodbyes: [...goodbyes],
  };
}

/** 'announces bobs-iphone.local 192.168.0.5; Bob’s iPhone (_airplay._tcp.local)', at most four of each. */
export function summarizeMdns(announcement: MdnsAnnouncement): string {
  const { hosts, instances, services, goodbyes, isProbe } = announcement;
  const parts = [
    ...hosts.slice(0, 4).map(({ name, addresses }) => `${name} ${addresses.slice(0, 4).join(' ')}`),
    ...instances.slice(0, 4).map(({ instance, service }) => `${instance} (${service})`),
    ...services.slice(0, 4),
  ];
  const claims = parts.length > 0 ? `${isProbe ? 'probes' : 'announces'} ${parts.join('; ')}` : '';
  const taken = goodbyes.length > 0 ? `takes back ${goodbyes.slice(0, 4).join('; ')}` : '';
  return [claims, taken].filter((part) => part !== '').join(', ');
}
