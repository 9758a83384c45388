import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { arbitraryDetections, EXAMPLE_KINDS, EXAMPLES, incidentOf, incidentsOf } from '../../test/support/detection.ts';
import type { Incident } from '../incident/index.ts';
import { CLAIM_SECTIONS, checkClaim, checkVerdict } from './check.ts';
import { judgeByRules } from './rules.ts';
import type { Verdict } from './verdict.ts';

const scan = incidentOf(EXAMPLES['scan.horizontal']);
const beacon = incidentOf(EXAMPLES['beacon.interval']);

/** The problems of one text, as 'kind: message'. */
function problems(incident: Incident, text: string, ...cites: string[]): string[] {
  return checkClaim(incident, { text, cites: cites.length > 0 ? cites : ['d1'] }, 'here').map(
    ({ kind, message }) => `${kind}: ${message}`,
  );
}

function kinds(incident: Incident, text: string, ...cites: string[]): string[] {
  return checkClaim(incident, { text, cites: cites.length > 0 ? cites : ['d1'] }, 'here').map(({ kind }) => kind);
}

describe('what the evidence shows passes', () => {
  it.each([
    '192.168.10.23 tried 212 hosts on port 445 within 38.4 s.',
    '192.168.10.23:50001 reached 192.168.10.100:445.',
    'It took 38.4 seconds, and 98.1 percent failed.',
    '98.1 % failed, that is 0.981 of them, or about 98 %.',
    'It took up 5.5 targets a second, or 6 when rounded, 5.50 exactly.',
    'Four targets answered; 4 is few.',
    'It began at 2024-05-14 07:30:00 UTC, at 07:30, and ended at 07:30:38.',
    'It is T1046, as m1 and d1 show.',
    'Look for event 4625, and in auth.log, over IPv4 and IPv6.',
    'Ask the owner and/or the administrator.',
  ])('%s', (text) => {
    expect(problems(scan, text, 'd1', 'f1')).toEqual([]);
  });

  it('numbers of a flow count only where the flow is cited', () => {
    expect(problems(scan, 'It sent 66 B.', 'f1')).toEqual([]);
    expect(problems(scan, 'It sent 66 B.', 'm1')).toEqual([
      "claim.number: '66 B' is a quantity that the cited evidence does not show.",
    ]);
  });

  it('numbers of a measure count where the measure or its detection is cited', () => {
    expect(kinds(beacon, '1.4 kB at a time', 'm4')).toEqual([]);
    expect(kinds(beacon, '1.4 kB at a time', 'd1')).toEqual([]);
    expect(kinds(beacon, '1.4 kB at a time', 'm1')).toEqual(['claim.number']);
  });

  it('addresses count however they are written', () => {
    const incident = incidentOf({ ...EXAMPLES['beacon.interval'], peers: ['2001:db8::1:0:0:7'] });
    expect(problems(incident, 'It called [2001:0db8:0:0:1:0:0:7]:443, which is 2001:DB8::1:0:0:7.')).toEqual([]);
    const arp = incidentOf(EXAMPLES['scan.arp']);
    expect(problems(arp, 'The card is 3C-52-82-11-0A-7E.')).toEqual([]);
  });

  it('the sentence of a cited measure passes word for word', () => {
    const sentence = 'It is 10^6.2 times likelier, says the list of 0..1 at x.example.';
    const incident = incidentOf({
      ...EXAMPLES['scan.arp'],
      reasons: [{ name: 'scan.odds', value: 6.2, unit: '', sentence }],
    });
    expect(problems(incident, sentence, 'm1')).toEqual([]);
    expect(kinds(incident, `${sentence} Sure.`, 'm1')).toEqual(['claim.name']);
  });
});

describe('what the evidence does not show is a problem', () => {
  it.each([
    ['192.168.10.99 did it.', "claim.address: '192.168.10.99' is an address that the cited evidence does not show."],
    ['192.168.10.0/24 did it.', "claim.address: '192.168.10.0/24' is a network that the cited evidence does not show."],
    ['It called fe80::1.', "claim.address: 'fe80::1' is an address that the cited evidence does not show."],
    [
      'It was 00:11:22:33:44:55.',
      "claim.address: '00:11:22:33:44:55' is an address that the cited evidence does not show.",
    ],
    ['It used port 446.', "claim.port: '446' is a port that the cited evidence does not show."],
    ['It used ports 445, 139 and 135.', "claim.port: '139' is a port that the cited evidence does not show."],
    ['It used 192.168.10.23:99.', "claim.port: '99' is a port that the cited evidence does not show."],
    ['It tried 213 hosts.', "claim.number: '213' is a number that the cited evidence does not show."],
    ['It tried 2,120 hosts.', "claim.number: '2,120' is a number that the cited evidence does not show."],
    ['It took 212 s.', "claim.number: '212 s' is a quantity that the cited evidence does not show."],
    ['97 % failed.', "claim.number: '97 %' is a quantity that the cited evidence does not show."],
    ['Seven targets answered.', "claim.number: 'Seven' is a number that the cited evidence does not show."],
    ['Thousands of hosts answered.', "claim.number: 'Thousands' is a number that the cited evidence does not show."],
    ['It began at 2024-05-15.', "claim.time: '2024-05-15' is a time that the cited evidence does not show."],
    ['It began at 07:31:00.', "claim.time: '07:31:00' is a time that the cited evidence does not show."],
    ['It is T1110.', "claim.technique: 'T1110' is a technique that the cited evidence does not show."],
    ['It asked evil.example for it.', "claim.name: 'evil.example' is a name that the cited evidence does not show."],
    ['See https://a/b for more.', "claim.name: 'https://a/b' is a name that the cited evidence does not show."],
    ['It was who@where.', "claim.name: 'who@where' is a name that the cited evidence does not show."],
    [
      'It asked \u043f\u0440\u0438\u043c\u0435\u0440.\u0440\u0444 for it.',
      "claim.name: '\u043f\u0440\u0438\u043c\u0435\u0440.\u0440\u0444' is a name that the cited evidence does not show.",
    ],
    ['See m99.', "claim.number: 'm99' is a number that the cited evidence does not show."],
    ['It is x86.', "claim.number: 'x86' is a number that the cited evidence does not show."],
    [
      '\u0662\u0661\u0662 hosts.',
      'claim.characters: The text has control or invisible characters, or digits of another script.',
    ],
    ['All\u200b good.', 'claim.characters: The text has control or invisible characters, or digits of another script.'],
    ['Half\u00bd.', 'claim.characters: The text has control or invisible characters, or digits of another script.'],
    ['Line\nbreak.', 'claim.characters: The text has control or invisible characters, or digits of another script.'],
  ])('%s', (text, problem) => {
    expect(problems(scan, text)[0]).toBe(problem);
  });

  it('a claim without text, without citation, or with one that the incident does not have', () => {
    expect(checkClaim(scan, { text: ' ', cites: [] }, 'here').map((p) => `${p.kind}: ${p.message}`)).toEqual([
      'claim.citation: The claim cites nothing.',
      'claim.empty: The claim has no text.',
    ]);
    expect(problems(scan, 'So it is.', 'd1', 'f77')).toEqual([
      "claim.citation: The claim cites 'f77', which the incident does not have.",
    ]);
  });
});

describe('the form of a verdict', () => {
  const good = judgeByRules(scan);

  it('has no problems when the rules wrote it', () => {
    expect(checkVerdict(scan, good)).toEqual([]);
  });

  it('must use the lists and hold something in every section', () => {
    // What a language model may answer is not held to the types.
    const bad: Verdict = Object.assign(
      { ...good },
      {
        assessment: 'fine',
        action: 'shrug',
        hypothesis: 'bad luck',
        confidence: Number.NaN,
        whatToDoFirst: [],
      },
    );
    expect(checkVerdict(scan, bad)).toEqual([
      { kind: 'verdict.field', where: 'assessment', message: 'The assessment is none of the list.' },
      { kind: 'verdict.field', where: 'action', message: 'The action is none of the list.' },
      { kind: 'verdict.field', where: 'hypothesis', message: 'The hypothesis is none of the list.' },
      { kind: 'verdict.field', where: 'confidence', message: 'The confidence is not within 0..1.' },
      { kind: 'verdict.empty', where: 'whatToDoFirst', message: 'The section has no claim.' },
    ]);
  });

  it('names the place of a problem', () => {
    const [first, ...others] = good.whyItMatters;
    const bad = { ...good, whyItMatters: [first!, { text: '10.0.0.1 is fine.', cites: ['d1'] }, ...others] };
    expect(checkVerdict(scan, bad)).toEqual([
      {
        kind: 'claim.address',
        where: 'whyItMatters[1]',
        message: "'10.0.0.1' is an address that the cited evidence does not show.",
      },
    ]);
  });
});

describe('a verdict that was tampered with', () => {
  /** Every text of the rules' verdicts on the examples, with each number in it made wrong in turn. */
  const tampered = EXAMPLE_KINDS.flatMap((kind) => {
    const incident = incidentOf(EXAMPLES[kind]);
    const verdict = judgeByRules(incident);
    return CLAIM_SECTIONS.flatMap((section) => verdict[section]).flatMap((claim) =>
      [...claim.text.matchAll(/(?<![\w])\d+(?![\w])/g)].map((match) => {
        const wrong = String(Number(match[0]) + 1171);
        const text = claim.text.slice(0, match.index) + wrong + claim.text.slice(match.index + match[0].length);
        return { incident, claim: { ...claim, text } };
      }),
    );
  });

  it('is found out, whichever number, address, port or time was changed', () => {
    expect(tampered.length).toBeGreaterThan(250);
    const missed = tampered.filter(({ incident, claim }) => checkClaim(incident, claim, '').length === 0);
    expect(missed.map(({ claim }) => claim.text)).toEqual([]);
  });
});

describe('for any detections', () => {
  it('the verdicts of the rules have no problems', () => {
    fc.assert(
      fc.property(arbitraryDetections, (detections) => {
        for (const incident of incidentsOf(...detections))
          expect(checkVerdict(incident, judgeByRules(incident))).toEqual([]);
      }),
      { numRuns: 200 },
    );
  });

  it('and any text, the checker ends without an error and never passes an address that is not there', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 60 }), fc.ipV4(), (noise, address) => {
        const found = kinds(scan, `${noise} ${address} ${noise}`);
        expect(found).toContain('claim.address');
      }),
    );
  });
});
