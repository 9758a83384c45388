import { describe, expect, it } from 'vitest';
import { type FlowRecord, flowTable } from '../flow/index.ts';
import type { Detection } from './detection.ts';
import { createNamePoisonDetector, type NamePoisonOptions } from './name-poison.ts';

const T0 = Date.UTC(2024, 0, 1);
const THIEF = '10.0.0.66';
const context = { isHome: (address: string) => address.startsWith('10.') };

const llmnr = (name: string, fields: FlowRecord = {}): FlowRecord => ({
  startMs: T0,
  endMs: T0 + 1000,
  protocol: 'udp',
  initiator: '10.0.0.5',
  initiatorPort: 50_000,
  responder: THIEF,
  responderPort: 5355,
  service: 'llmnr',
  dnsQuery: name,
  dnsType: 'A',
  dnsAnswers: `A ${THIEF}`,
  ...fields,
});

const netBios = (operations: string, fields: FlowRecord = {}): FlowRecord => ({
  startMs: T0,
  endMs: T0 + 1000,
  protocol: 'udp',
  initiator: THIEF,
  initiatorPort: 137,
  responder: '10.0.0.6',
  responderPort: 137,
  service: 'netbios-ns',
  operations,
  ...fields,
});

/** The same question without an answer. */
function unanswered(name: string): FlowRecord {
  const { dnsAnswers: _none, ...asked } = llmnr(name);
  return asked;
}

function detect(flows: readonly FlowRecord[], options: Partial<NamePoisonOptions> = {}): Detection[] {
  const detector = createNamePoisonDetector(context, options);
  detector.observe(flowTable(flows));
  return detector.finish();
}

describe('who answers for names of others', () => {
  it('is named, with whom it answered, by what and for how many', () => {
    const [found, ...others] = detect([
      llmnr('fileserv'),
      llmnr('printer7'),
      llmnr('FILESERV.'),
      netBios('query response INTRANET<00>, query response PRINTER7<20>'),
    ]);
    expect(others).toEqual([]);
    expect(found).toMatchObject({
      kind: 'name-poison.answers',
      actor: THIEF,
      peers: ['10.0.0.5', '10.0.0.6'],
      port: 5355,
      service: 'llmnr',
      score: 0.7,
      flowCount: 4,
    });
    expect(found?.reasons.map((r) => r.sentence)).toEqual([
      'It answered for 3 different names by LLMNR and NetBIOS within 1 s; a host has one.',
      '2 hosts that asked were answered.',
    ]);
  });

  it('needs one name less where systems look for one of them by themselves', () => {
    const [found] = detect([llmnr('wpad'), llmnr('fileserv')]);
    expect(found?.reasons.at(-1)?.sentence).toBe(
      'One of them is wpad, which systems look for by themselves: who answers becomes their proxy or their tunnel.',
    );
    expect(detect([llmnr('wpad')])).toEqual([]);
  });

  it.each([
    ['a host with a name and an alias', [llmnr('files'), llmnr('FILES'), llmnr('files.corp'), llmnr('archive')]],
    [
      'a host that answers for its name, its domain and the list of browsers',
      [llmnr('dc1'), netBios('query response DC1<00>, query response CORP<1c>, query response __MSBROWSE__<01>')],
    ],
    [
      'a server of names, which is asked',
      [
        netBios('query A1<20>, query response A1<20>, query B2<20>, query response B2<20>', {
          initiator: '10.0.0.6',
          responder: THIEF,
        }),
        netBios('query response A1<20>, query C3<20>, query B2<20>, query D4<20>'),
      ],
    ],
    [
      'questions without an answer, and look-ups of addresses',
      [
        ...['a1', 'b2', 'c3'].map(unanswered),
        ...['a1', 'b2', 'c3'].map((name) => llmnr(`${name}.in-addr.arpa`, { dnsType: 'PTR' })),
      ],
    ],
  ])('leaves %s alone', (_what, flows) => {
    expect(detect(flows)).toEqual([]);
  });

  it('refuses hosts beyond the cap and counts them', () => {
    const detector = createNamePoisonDetector(context, { maxHosts: 4 });
    detector.observe(
      flowTable(
        Array.from({ length: 50 }, (_, i) =>
          ['a', 'b', 'c'].map((name) => llmnr(name, { responder: `10.0.1.${i}` })),
        ).flat(),
      ),
    );
    expect(detector.finish()).toHaveLength(4);
    expect(detector.saturations()).toContainEqual({
      detector: 'name-poison',
      what: 'hosts that answer for names',
      cap: 4,
      refused: 138,
    });
  });
});
