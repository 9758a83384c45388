import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type FlowRecord, flowTable } from '../flow/index.ts';
import type { Detection } from './detection.ts';
import { type ThreatListInfo, ThreatLists } from './threat/parse.ts';
import { stixValues } from './threat/stix.ts';
import { createThreatListDetector, DEFAULT_THREAT_LIST_OPTIONS, type ThreatListOptions } from './threat-list.ts';

const NOW = Date.UTC(2024, 4, 14);
const DAY = 86_400_000;
const NO_FEATURES = { features: [], rowCount: 0, values: new Float32Array() };
const isHome = (address: string): boolean => address.startsWith('192.168.');

function flow(fields: FlowRecord = {}): FlowRecord {
  return {
    id: 1,
    startMs: NOW,
    endMs: NOW + 1000,
    protocol: 'tcp',
    initiator: '192.168.1.5',
    initiatorPort: 50_000,
    responder: '203.0.113.9',
    responderPort: 443,
    initiatorPackets: 5,
    responderPackets: 5,
    outcome: 'answered',
    ...fields,
  };
}

function detect(
  lists: string | readonly string[],
  flows: readonly FlowRecord[],
  options: Partial<ThreatListOptions> = {},
): Detection[] {
  const threats = new ThreatLists();
  for (const [i, text] of [lists].flat().entries()) threats.add(text, `list-${i + 1}.txt`);
  const detector = createThreatListDetector({ isHome, threats }, options);
  detector.observe(flowTable([...flows]), NO_FEATURES);
  return detector.finish();
}

const way = (detection: Detection | undefined): unknown =>
  detection?.reasons.find(({ name }) => name === 'threat-list.way')?.value;
const sentences = (detection: Detection | undefined): string[] =>
  detection?.reasons.map(({ sentence }) => sentence) ?? [];
const read = (text: string): ThreatListInfo => new ThreatLists().add(text, 'list.txt');
const DNS = { responder: '192.168.1.1', responderPort: 53, protocol: 'udp', service: 'dns' };

describe('matches', () => {
  it('tell who called a listed address, and what the list says of it', () => {
    const [found, ...more] = detect('# mine\n203.0.113.9 # Emotet\n', [flow(), flow({ id: 2, startMs: NOW + 5 })]);
    expect(more).toEqual([]);
    expect(found).toMatchObject({
      kind: 'threat-list.match',
      actor: '192.168.1.5',
      peers: ['203.0.113.9'],
      port: 443,
      score: 0.9,
      flowCount: 2,
    });
    expect(sentences(found)).toEqual([
      '2 connections went to an address that a threat list has.',
      'The entry is the address 203.0.113.9, number 2 of the list list-1.txt.',
      'The list calls it: Emotet.',
      '2 connections of 2 got an answer.',
    ]);
  });

  it('take the longest network, and nothing beside it', () => {
    const list = '203.0.0.0/16 wide\n203.0.113.0/28 narrow\n2001:db8::/32\n';
    const entry = (responder: string): unknown =>
      detect(list, [flow({ responder })])[0]?.reasons.find(({ name }) => name === 'threat-list.entry')?.value;
    expect(
      ['203.0.113.15', '203.0.113.16', '203.1.0.0', '2001:db8:ffff::1', '2001:db9::1', '::ffff:203.0.113.1'].map(entry),
    ).toEqual(['203.0.113.0/28', '203.0.0.0/16', undefined, '2001:db8::/32', undefined, '203.0.113.0/28']);
  });

  it('take names with what is below them, label by label', () => {
    const asked = (dnsQuery: string): number => detect('evil.example\n', [flow({ ...DNS, dnsQuery })]).length;
    expect(['evil.example', 'a.b.evil.example', 'notevil.example', 'evil.example.org', 'example'].map(asked)).toEqual([
      1, 1, 0, 0, 0,
    ]);
    expect(way(detect('*.evil.example', [flow({ serverName: 'C2.Evil.Example.' })])[0])).toBe('named');
    expect(way(detect('.evil.example', [flow({ httpHost: 'evil.example:8080' })])[0])).toBe('named');
    expect(
      way(
        detect('evil.example', [
          flow({ ...DNS, dnsQuery: 'good.example', operations: 'A good.example, TXT x.evil.example' }),
        ])[0],
      ),
    ).toBe('asked');
  });

  it('take pages only where the request names them, so that their host alone is no match', () => {
    const list = 'hxxp://files[.]example/bad/a.exe?x=1\n';
    const fetched = (httpHost: string, httpRequest: string): unknown =>
      way(detect(list, [flow({ httpHost, httpRequest, service: 'http', responderPort: 80 })])[0]);
    expect(fetched('files.example', 'GET /bad/a.exe?x=1')).toBe('fetched');
    expect(fetched('FILES.example:80', 'GET /bad/a.exe?x=1')).toBe('fetched');
    expect(fetched('proxy.example', 'GET http://files.example/bad/a.exe?x=1')).toBe('fetched');
    expect(fetched('files.example', 'GET /good')).toBeUndefined();
    expect(detect(list, [flow({ serverName: 'files.example' })])).toEqual([]);
  });

  it('take fingerprints of TLS, which weigh less', () => {
    const ja3 = 'a0e9f5d64349fb13191bc781f81f42e1';
    const ja4 = 't13d1516h2_8daaf6152771_b186095e22b6';
    expect(detect(ja3, [flow({ ja3 })]).map(({ score, reasons }) => [score, reasons[0]?.value])).toEqual([
      [0.6, 'client'],
    ]);
    expect(way(detect(ja3.toUpperCase(), [flow({ ja3s: ja3 })])[0])).toBe('server');
    expect(way(detect(ja4, [flow({ ja4 })])[0])).toBe('client');
  });

  it('hold an entry with a port to that port', () => {
    expect(detect('203.0.113.9:8443', [flow()])).toEqual([]);
    expect(detect('203.0.113.9:8443', [flow({ responderPort: 8443 })])).toHaveLength(1);
    // One list names a port and another one all.
    expect(detect(['203.0.113.9:8443', '203.0.113.9'], [flow()])[0]?.reasons.map(({ name }) => name)).not.toContain(
      'threat-list.lists',
    );
  });

  it('never accuse home, groups and broadcasts, whatever a list of addresses says that should not be seen', () => {
    const bogons = '10.0.0.0/8\n192.168.0.0/16\n224.0.0.0/8\n255.0.0.0/8';
    const flows = ['192.168.1.7', '224.0.0.251', '255.255.255.255'].map((responder) => flow({ responder }));
    expect(detect(bogons, flows)).toEqual([]);
  });

  it('tell who came from who was called', () => {
    const [found] = detect('203.0.113.9', [
      flow({ initiator: '203.0.113.9', responder: '192.168.1.5', responderPackets: 0, outcome: 'unanswered' }),
    ]);
    expect([found?.actor, found?.peers, way(found)]).toEqual(['203.0.113.9', ['192.168.1.5'], 'came']);
    expect(sentences(found).at(-1)).toBe('None of 1 connection got an answer.');
  });

  it('do not depend on the order of the flows', () => {
    const flows = Array.from({ length: 40 }, (_, i) =>
      flow({ id: i + 1, startMs: NOW + ((i * 7) % 40), responder: `203.0.113.${i % 5}`, responderPort: 400 + (i % 3) }),
    );
    expect(detect('203.0.113.0/24', [...flows].reverse())).toEqual(detect('203.0.113.0/24', flows));
  });
});

describe('trust', () => {
  const csv = (confidence: string, last: string): string =>
    `ioc_value,confidence_level,last_seen,malware\n203.0.113.9,${confidence},${last},Qakbot\n`;
  const score = (list: string, options = {}): number | undefined => detect(list, [flow()], options)[0]?.score;
  const date = (ms: number): string => new Date(ms).toISOString();

  it('follows the confidence of the list', () => {
    expect([score(csv('100', '')), score(csv('50', '')), score(csv('0', '')), score(csv('', ''))]).toEqual([
      0.95, 0.72, 0.5, 0.9,
    ]);
  });

  it('falls where the entry was last seen more than half a year before', () => {
    const { oldAfterMs } = DEFAULT_THREAT_LIST_OPTIONS;
    expect(score(csv('', date(NOW - oldAfterMs)))).toBe(0.9);
    expect(score(csv('', date(NOW - oldAfterMs - 1)))).toBe(0.6);
  });

  it('falls outside of the validity, with a day of grace before it', () => {
    const valid = (from: number, until: number): string =>
      `indicator,valid_from,valid_until\n203.0.113.9,${date(from)},${date(until)}\n`;
    expect(score(valid(NOW - DAY, NOW))).toBe(0.9);
    expect(score(valid(NOW - DAY, NOW - 1))).toBe(0.45);
    // The last flow ends a second later.
    expect(score(valid(NOW + DAY + 1000, NOW + 2 * DAY))).toBe(0.9);
    expect(score(valid(NOW + DAY + 1001, NOW + 2 * DAY))).toBe(0.45);
  });

  it('below the least is not reported', () => {
    expect(score(csv('0', ''), { minScore: 0.5 })).toBe(0.5);
    expect(score(csv('0', ''), { minScore: 0.51 })).toBeUndefined();
  });
});

describe('lists', () => {
  it('are read in the forms that people publish', () => {
    const forms = {
      plain: '203.0.113.9\n',
      defanged: '203[.]0[.]113[.]9',
      drop: '203.0.113.0/24 ; SBL123456\r\n',
      windows: '\uFEFF203.0.113.9\r\n',
      feodo:
        '# Feodo\n#\n# first_seen_utc,dst_ip,dst_port,c2_status,malware\n2024-01-01 00:00:00,203.0.113.9,443,online,Emotet\n',
      quoted: '"first_seen_utc","ioc_value","ioc_type"\n"2024-01-01","203.0.113.9:443","ip:port"\n',
      jsonLines: '{"cidr":"203.0.113.0/24","sblid":"SBL1"}\n{"type":"metadata","records":1}\n',
      array: '["203.0.113.9"]',
      misp: JSON.stringify({
        Event: {
          info: 'Campaign',
          Tag: [{ name: 'misp-galaxy:threat-actor="APT 99"' }],
          Attribute: [{ type: 'ip-dst|port', value: '203.0.113.9|443', to_ids: true, timestamp: '1700000000' }],
        },
      }),
      stix: JSON.stringify({
        type: 'bundle',
        objects: [
          {
            type: 'indicator',
            id: 'indicator--1',
            name: 'C2',
            pattern_type: 'stix',
            pattern: "[ipv4-addr:value = '203.0.113.9']",
          },
          { type: 'intrusion-set', id: 'intrusion-set--1', name: 'APT 99' },
          {
            type: 'relationship',
            relationship_type: 'indicates',
            source_ref: 'indicator--1',
            target_ref: 'intrusion-set--1',
          },
        ],
      }),
    };
    expect(
      Object.entries(forms).map(([name, text]) => `${name} ${detect(text, [flow()]).length} ${read(text).wrongCount}`),
    ).toEqual(Object.keys(forms).map((name) => `${name} 1 0`));
    for (const form of ['misp', 'stix'] as const)
      expect(sentences(detect(forms[form], [flow()])[0])).toContain(
        'The list says that the group behind it is APT 99; the traffic itself does not show who it is.',
      );
    expect(
      detect('0.0.0.0 a.evil.example b.evil.example # two\n127.0.0.1 localhost\n', [
        flow({ serverName: 'b.evil.example' }),
      ]),
    ).toHaveLength(1);
    expect(detect('[Adblock Plus]\n! x\n||evil.example^\n', [flow({ serverName: 'evil.example' })])).toHaveLength(1);
  });

  it('say which lines are wrong and why, and go on', () => {
    const text =
      '203.0.113.9\nhello\n0.0.0.0/0\ncom\n300.1.1.1\nexample.org:99999\nda39a3ee5e6b4b0d3255bfef95601890afd80709\n203.0.113.9\ngithub.io\n';
    const info = read(text);
    expect([info.entries, info.repeated, info.unseen, info.wrongCount]).toEqual([2, 1, 1, 5]);
    expect(info.wrong.map(({ line, reason }) => `${line}: ${reason}`)).toEqual([
      "2: 'hello' is no address, network, domain, URL or fingerprint",
      '3: /0 would match too much of the Internet; /8 is the shortest that is taken',
      "4: 'com' is no address, network, domain, URL or fingerprint",
      "5: '300.1.1.1' is no address",
      '6: 99999 is no port',
    ]);
    // A suffix of a company is that name alone.
    expect(detect('github.io', [flow({ serverName: 'somebody.github.io' })])).toEqual([]);
    expect(read('co.uk\nx.example').wrong[0]?.reason).toBe("'co.uk' is a suffix under which anybody may have names");
  });

  it('are refused where nothing in them can be used', () => {
    expect(() => read('hello\n')).toThrow(
      "list.txt: there is no entry in this list that flows could match; 1: 'hello' is no address, network, domain, URL or fingerprint",
    );
    expect(() => read('{"Event": {')).toThrow('list.txt: this is no JSON, though it begins like it');
  });

  it('leave out what their authors withdrew, or did not mean for detection', () => {
    const attribute = (more: object): object => ({ type: 'ip-dst', value: '203.0.113.9', to_ids: true, ...more });
    const event = {
      Event: {
        Attribute: [attribute({ to_ids: false }), attribute({ deleted: true }), attribute({ value: '203.0.113.8' })],
      },
    };
    expect(read(JSON.stringify(event))).toMatchObject({ entries: 1, unseen: 2 });
    const revoked = {
      type: 'indicator',
      id: 'indicator--1',
      revoked: true,
      pattern: "[ipv4-addr:value = '203.0.113.9']",
    };
    expect(read(JSON.stringify({ objects: [revoked, { ...revoked, revoked: false }] }))).toMatchObject({
      entries: 1,
      unseen: 1,
    });
  });

  it('of which several name one thing all count', () => {
    const [found] = detect(['203.0.113.9', '203.0.113.9 seen again'], [flow()]);
    expect(sentences(found)).toContain('It is on 2 lists: list-1.txt, list-2.txt.');
  });

  it('have a cap, counted', () => {
    const threats = new ThreatLists(2);
    expect(threats.add('203.0.113.1\n203.0.113.2\n203.0.113.3\n', 'a')).toMatchObject({ entries: 2, refused: 1 });
  });

  it('reach a plateau of hosts that met an entry, and count the rest', () => {
    const threats = new ThreatLists();
    threats.add('203.0.113.9', 'a');
    const detector = createThreatListDetector({ isHome, threats }, { maxCases: 10 });
    const flows = Array.from({ length: 30 }, (_, i) => flow({ id: i + 1, initiator: `192.168.1.${i}` }));
    detector.observe(flowTable(flows), NO_FEATURES);
    expect(detector.finish()).toHaveLength(10);
    expect(detector.saturations()).toEqual([
      { detector: 'threat-list', what: 'hosts that met an entry of a threat list', cap: 10, refused: 20 },
    ]);
  });

  it('never throw anything but a sentence, whatever the text is', () => {
    const part = fc.oneof(
      fc.string({ maxLength: 30 }),
      fc.constantFrom(
        '203.0.113.9',
        '||',
        ',',
        '"',
        '{',
        '[',
        '\n',
        '::',
        '/',
        'http://',
        "[ipv4-addr:value = '",
        '\u202e',
        'ioc_value,',
      ),
    );
    fc.assert(
      fc.property(fc.array(part, { maxLength: 20 }), (parts) => {
        try {
          read(parts.join(''));
        } catch (error) {
          expect(error).toHaveProperty('hint');
        }
      }),
    );
    fc.assert(
      fc.property(fc.json(), (json) => {
        try {
          read(json);
        } catch (error) {
          expect(error).toHaveProperty('hint');
        }
      }),
    );
  });
});

describe('patterns of STIX', () => {
  it('give what any of can match', () => {
    expect(
      stixValues(
        "[ipv4-addr:value = '203.0.113.9' OR domain-name:value IN ('a.example', 'b.example')] OR [url:value = 'http://x.example/it\\'s']",
      ),
    ).toEqual([
      { path: 'ipv4-addr:value', value: '203.0.113.9' },
      { path: 'domain-name:value', value: 'a.example' },
      { path: 'domain-name:value', value: 'b.example' },
      { path: 'url:value', value: "http://x.example/it's" },
    ]);
    expect(stixValues("[network-traffic:dst_ref.value = '203.0.113.9' AND network-traffic:dst_port = 443]")).toEqual([
      { path: 'network-traffic:dst_ref.value', value: '203.0.113.9', port: 443 },
    ]);
    expect(stixValues("[ipv4-addr:value ISSUBSET '203.0.113.0/24']")).toHaveLength(1);
  });

  it('that one flow cannot show are refused with the reason', () => {
    expect(
      [
        "[ipv4-addr:value = '1.2.3.4' AND domain-name:value = 'a.example']",
        "[ipv4-addr:value = '1.2.3.4'] FOLLOWEDBY [ipv4-addr:value = '1.2.3.5']",
        "[domain-name:value LIKE '%.example']",
        '[network-traffic:dst_port = 443]',
        '[',
        '',
      ].map(stixValues),
    ).toEqual([
      'AND of several things is more than one flow can show',
      'FOLLOWEDBY joins what one flow cannot show',
      'LIKE is a comparison that is not used here',
      'a port or a protocol alone matches too much',
      'a comparison begins with the path of an object',
      'an observation begins with [',
    ]);
    expect(stixValues(`[${'('.repeat(1000)}`)).toBe('brackets are nested too deep');
  });
});
