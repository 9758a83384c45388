import * as wire from '../../../src/wire/index.ts';
import type { Encoded } from './part.ts';

/** Messages of the services that a network has for itself: names, addresses, time, management. */

export const NAMES: Readonly<Record<string, Encoded>> = {
  encodeDhcp: {
    udp: 67,
    client: [
      wire.encodeDhcp({
        type: 'request',
        clientMac: '02:00:00:00:00:01',
        hostname: 'pc1',
        fqdn: 'pc1.example.org',
        vendorClass: 'MSFT 5.0',
        requestedAddress: '10.0.0.9',
        parameterOrder: '1,3,6',
      }),
    ],
  },
  encodeDhcpv6: {
    udp: 547,
    client: [
      wire.encodeDhcpv6({
        type: 'request',
        clientDuid: wire.encodeDuid({ mac: '020000000001', time: 7 }),
        serverDuid: wire.encodeDuid({ mac: '020000000002' }),
        fqdn: 'pc1.example.org',
        vendorClass: 'x',
        domains: ['example.org'],
        dnsServers: ['2001:db8::1'],
      }),
    ],
  },
  encodeDnsMessage: {
    udp: 53,
    client: [
      wire.encodeDnsMessage({
        id: 7,
        recursionDesired: true,
        questions: [{ name: 'www.example.org', type: 1 }],
        edns: { udpSize: 1232, options: [{ code: 10, content: new Uint8Array(8) }] },
      }),
    ],
    server: [
      wire.encodeDnsMessage({
        id: 7,
        isResponse: true,
        questions: [{ name: 'www.example.org', type: 1 }],
        answers: [
          { name: 'www.example.org', type: 5, ttl: 60, data: 'a.example.org' },
          { name: 'a.example.org', type: 1, ttl: 60, data: '192.0.2.1' },
          { name: 'a.example.org', type: 16, ttl: 60, data: '"v=spf1 -all"' },
          { name: 'a.example.org', type: 28, ttl: 60, data: '2001:db8::1' },
          { name: 'a.example.org', type: 15, ttl: 60, data: '10 mx.example.org' },
        ],
      }),
    ],
  },
  encodeDns: {
    udp: 5353,
    client: [wire.encodeDns({ name: '_http._tcp.local', type: 12 })],
    server: [wire.encodeDns({ name: 'x.local', isResponse: true, answers: 1 })],
  },
  encodeDnsStream: {
    tcp: 53,
    client: [wire.encodeDnsStream([wire.encodeDns({ name: 'a.example' }), wire.encodeDns({ name: 'b.example' })])],
  },
  encodeNtp: {
    udp: 123,
    client: [wire.encodeNtp({ mode: 'client', transmitTimeMs: 1_600_000_000_000 })],
    server: [wire.encodeNtp({ mode: 'server', stratum: 2, referenceId: '10.0.0.1' })],
  },
  encodeNtpControl: {
    udp: 123,
    client: [wire.encodeNtpControl({ operation: 'read-variables' })],
    server: [
      wire.encodeNtpControl({
        operation: 'read-variables',
        isResponse: true,
        text: 'version="ntpd 4.2.8", system="Linux"',
      }),
    ],
  },
  encodeNtpPrivate: {
    udp: 123,
    client: [wire.encodeNtpPrivate({ request: 42 })],
    server: [wire.encodeNtpPrivate({ request: 42, isResponse: true, items: 6, itemBytes: 72 })],
  },
  encodeSnmp: {
    udp: 161,
    client: [
      wire.encodeSnmp({ pdu: 'get-bulk', maxRepetitions: 50, variables: [{ oid: '1.3.6.1.2.1.1.1.0' }] }),
      wire.encodeSnmp({ version: '3', security: { user: 'alice', engineId: '80001f8880' } }),
    ],
    server: [
      wire.encodeSnmp({ version: '1', pdu: 'response', variables: [{ oid: '1.3.6.1.2.1.1.1.0', value: 'Linux' }] }),
    ],
  },
  encodeSsdp: {
    udp: 1900,
    client: [wire.encodeSsdp({ kind: 'search', man: '"ssdp:discover"', maxWaitSeconds: 2, userAgent: 'x' })],
    server: [
      wire.encodeSsdp({ kind: 'response', server: 'Linux UPnP/1.0', location: 'http://10.0.0.1/', usn: 'uuid:1' }),
    ],
  },
  encodeSyslog: {
    udp: 514,
    client: [wire.encodeSyslog({ priority: 13, host: 'pc1', application: 'su', message: 'x' })],
  },
};
