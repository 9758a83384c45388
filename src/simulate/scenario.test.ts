import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { UserError } from '../core/index.ts';
import { ATTACK_KINDS, parseAttackArgument, parseScenario, scenarioFields, startSeconds } from './scenario.ts';
import { SHIPPED_SCENARIOS } from './shipped.ts';
import { Simulation } from './simulation.ts';

/** Message and hint of the mistake that something makes. */
function mistake(act: () => unknown): string {
  try {
    act();
  } catch (error) {
    if (error instanceof UserError) return `${error.message} | ${error.hint ?? ''}`;
    throw error;
  }
  return 'none';
}

describe('a scenario', () => {
  it.each(SHIPPED_SCENARIOS)('$name that comes with the program is read, under its own name', ({ name, yaml }) => {
    expect(parseScenario(yaml, name).name).toBe(name);
  });

  it('has a default for everything', () => {
    const scenario = parseScenario('', 'empty.yaml');
    expect(scenario).toMatchObject({ name: 'scenario', duration: 86_400_000, attacks: [], network: { hosts: [] } });
    expect(startSeconds(scenario)).toBe(Date.UTC(2026, 2, 2, 6) / 1000);
  });

  it.each([
    ['start: 2026-03-02T06:00:00\ntimeZone: Europe/Berlin', '2026-03-02T05:00:00Z'],
    ['start: 2026-07-02T06:00:00\ntimeZone: Europe/Berlin', '2026-07-02T04:00:00Z'],
    ['start: 2026-07-02T06:00:00Z\ntimeZone: Europe/Berlin', '2026-07-02T06:00:00Z'],
    ['start: 2026-07-02T06:00:00\ntimeZone: America/New_York', '2026-07-02T10:00:00Z'],
  ])('%j begins at %s', (yaml, expected) => {
    expect(startSeconds(parseScenario(yaml, 'x'))).toBe(Date.parse(expected) / 1000);
  });

  it.each([
    ['nmae: x', "s.yaml:1:1: unknown key 'nmae' | did you mean 'name'?"],
    ['behavior:\n  pagesPerHuor: 3', "s.yaml:2:3: unknown key 'pagesPerHuor' | did you mean 'pagesPerHour'?"],
    ['attacks:\n  - kind: beakon', "s.yaml:2:5: attacks.0.kind: unknown attack 'beakon' | did you mean 'beacon'?"],
    [
      'attacks:\n  - from: x',
      `s.yaml:2:5: attacks.0.kind: an attack needs a kind | known attacks: ${ATTACK_KINDS.join(', ')}`,
    ],
    ['attacks:\n  - kind: beacon\n    jiter: 0.5', "s.yaml:3:5: unknown key 'jiter' | did you mean 'jitter'?"],
    [
      'attacks:\n  - kind: beacon\n    jitter: 0.95',
      's.yaml:3:5: attacks.0.jitter: Too big: expected number to be <=0.9 | see docs/simulator.md',
    ],
    [
      'attacks:\n  - kind: scan\n    technique: sin',
      "s.yaml:3:5: attacks.0.technique: unknown value 'sin' | did you mean 'syn'?",
    ],
    [
      'network:\n  hosts:\n    - role: prnter',
      "s.yaml:3:7: network.hosts.0.role: unknown value 'prnter' | did you mean 'printer'?",
    ],
    ['duration: soon', 's.yaml:1:1: duration: expected a time such as 90s, 15m, 2h or 1d | see docs/simulator.md'],
    [
      'timeZone: Europe/Berlim',
      's.yaml:1:1: timeZone: expected a time zone such as Europe/Berlin or UTC | see docs/simulator.md',
    ],
    [
      'network:\n  subnets:\n    - { cidr: 10.0.0.0/31 }',
      's.yaml:3:9: network.subnets.0.cidr: expected an IPv4 network of at least 4 addresses, as in 192.168.10.0/24 | see docs/simulator.md',
    ],
    [
      'network:\n  subnets: [{ name: staff }]\n  hosts: [{ role: nas, subnet: stafff }]',
      "s.yaml:3:24: network.hosts.0.subnet: there is no subnet 'stafff' | did you mean 'staff'?",
    ],
    [
      'attacks: *all',
      's.yaml: Unresolved alias (the anchor must be set before the alias): all | mend the YAML there, or write values out in place of aliases',
    ],
    [
      'name: [',
      's.yaml:1:8: Flow sequence in block collection must be sufficiently indented and end with a ] | mend the YAML there',
    ],
  ])('%j is refused in words', (yaml, expected) => {
    expect(mistake(() => parseScenario(yaml, 's.yaml'))).toBe(expected);
  });

  it.each([
    [
      'network:\n  subnets: [{ cidr: 192.168.1.0/30 }]\n  hosts: [{ role: iot, count: 2 }]',
      'network.hosts.0: subnet lan has no address left for iot-02 | make the network larger or the hosts fewer',
    ],
    [
      'network:\n  hosts: [{ role: iot, address: 10.1.1.1 }]',
      'network.hosts.0.address: 10.1.1.1 is not in subnet lan | give an address between 192.168.10.1 and 192.168.10.254',
    ],
    [
      'network:\n  hosts: [{ role: iot, name: a }, { role: nas, name: a }]',
      "network.hosts.1: there are two hosts called 'a' | give each group a name of its own",
    ],
    [
      'network:\n  dns: 192.168.10.77',
      'network.dns: no host has the address 192.168.10.77 | list the DNS server among the hosts with its address, or leave network.dns out',
    ],
    [
      'network:\n  hosts: [{ role: nas, name: box }]\nattacks: [{ kind: beacon, from: bx }]',
      "attack beacon-1: from: no host is called 'bx' | did you mean 'box'?",
    ],
    [
      'network:\n  hosts: [{ role: nas, name: box }]\nattacks: [{ kind: scan, from: box, to: 10.0.0.0/8 }]',
      "attack scan-1: to: '10.0.0.0/8' is no IPv4 network of at most 65,536 addresses | for example 192.168.10.0/24",
    ],
    [
      'attacks: [{ kind: beacon, from: 192.0.2.1, to: a..example }]',
      "attack beacon-1: to: 'a..example' is neither a host name, a domain nor an IPv4 address | for example ws-01, 203.0.113.66 or status.update-relay.example",
    ],
    [
      'attacks: [{ kind: dga, id: a, from: 192.0.2.1 }, { kind: dga, id: a, from: 192.0.2.1 }]',
      "two attacks have the id 'a' | give each an id of its own, or none",
    ],
  ])('%j does not fit together, and that is said', (yaml, expected) => {
    expect(mistake(() => new Simulation(parseScenario(yaml, 's.yaml'), 1))).toBe(expected);
  });

  it('never breaks on text of any kind', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.json(),
          fc.string().map((text) => `attacks:\n - {${text}}`),
        ),
        (text) => {
          mistake(() => parseScenario(text, 'any.yaml'));
        },
      ),
      { numRuns: 300, seed: 5 },
    );
  });

  it('lists its keys with defaults', () => {
    const fields = scenarioFields();
    expect(fields).toContain('behavior.pagesPerHour  = 24  Web pages a person opens in an hour.');
    expect(fields).toContain('attacks[](beacon).jitter  = 0.1  Each interval is period × (1 ± jitter), uniform.');
  });
});

describe('an attack on the command line', () => {
  it.each([
    ['beacon', { kind: 'beacon' }],
    ['beacon:jitter=0.3,period=30s', { kind: 'beacon', jitter: 0.3, period: '30s' }],
    ['scan:ports=22+80,to=nas', { kind: 'scan', ports: [22, 80], to: 'nas' }],
    ['scan:ports=22', { kind: 'scan', ports: [22] }],
    ['brute-force:success=true', { kind: 'brute-force', success: true }],
  ])('%s', (text, expected) => {
    expect(parseAttackArgument(text)).toEqual(expected);
  });

  it.each([
    ['becon', "--attack becon: unknown attack 'becon' | did you mean 'beacon'?"],
    ['beacon:fast', "--attack beacon:fast: 'fast' is no setting | for example --attack beacon:intensity=2,start=1h"],
  ])('%s is refused', (text, expected) => {
    expect(mistake(() => parseAttackArgument(text))).toBe(expected);
  });

  it('is checked like one of the file', () => {
    expect(mistake(() => parseScenario('', 'x', [parseAttackArgument('beacon:jiter=0.3')]))).toBe(
      "--attack beacon: unknown key 'jiter' | did you mean 'jitter'?",
    );
  });
});
