/** Scenarios that come with the program, as the YAML that a person would write. `anomalyst simulate --show <name>` prints one to start from. */

const OFFICE_NETWORK = `network:
  domain: office.example
  subnets:
    - { name: lan, cidr: 192.168.10.0/24, cidr6: 2001:db8:10::/64 }
  hosts:
    - { name: ws, role: workstation, count: 12 }
    - { name: lap, role: laptop, count: 6 }
    - { name: phone, role: phone, count: 6 }
    - { name: srv-app, role: server, os: linux }
    - { name: srv-files, role: server, os: windows }
    - { name: nas, role: nas }
    - { name: printer, role: printer, count: 2 }
    - { name: cam, role: camera, count: 2 }
    - { name: thermostat, role: iot, count: 3 }
    - { name: desk-phone, role: voip, count: 3 }
`;

const OFFICE_DAY = `name: office-day
description: A day in an office of 18 people and 37 machines, without any attack. Add one with --attack.
start: 2026-03-02T06:00:00
timeZone: Europe/Berlin
duration: 24h
officeHours: { from: '08:30', to: '17:30' }
${OFFICE_NETWORK}`;

const INTRUSION_DAY = `name: intrusion-day
description: The same office on the day a machine is taken over, from the first guess to the data leaving.
start: 2026-03-03T06:00:00
timeZone: Europe/Berlin
duration: 24h
officeHours: { from: '08:30', to: '17:30' }
${OFFICE_NETWORK}attacks:
  - { kind: brute-force, id: guess, from: 203.0.113.66, to: srv-app, service: ssh, attempts: 600, rate: 1, success: true, start: '09:10' }
  - { kind: beacon, id: implant, from: srv-app, to: status.update-relay.example, period: 60s, jitter: 0.2, start: '09:25' }
  - { kind: scan, id: look-around, from: srv-app, to: 192.168.10.0/24, ports: [22, 135, 445, 3389], rate: 20, start: '10:05' }
  - { kind: lateral-movement, id: spread, from: srv-app, via: smb, targets: 5, period: 40s, start: '11:00' }
  - { kind: dns-tunnel, id: tunnel, from: srv-files, bytesPerSecond: 400, start: '12:30', duration: 20m }
  - { kind: exfiltration, id: drip, from: srv-files, mode: slow, bytes: 40MB, chunk: 400kB, period: 90s, start: '13:00' }
  - { kind: exfiltration, id: theft, from: srv-files, mode: burst, bytes: 250MB, start: '19:40' }
`;

const BRANCH_MORNING = `name: branch-morning
description: A branch with two subnets, IPv4 only, for three hours of a morning; small enough for a quick look.
start: 2026-03-04T08:00:00
timeZone: Europe/Berlin
duration: 3h
network:
  domain: branch.example
  dns: 10.20.1.10
  subnets:
    - { name: staff, cidr: 10.20.1.0/24 }
    - { name: things, cidr: 10.20.2.0/24 }
  hosts:
    - { name: dc, role: server, os: windows, address: 10.20.1.10 }
    - { name: pc, role: workstation, count: 5 }
    - { name: nas, role: nas }
    - { name: printer, role: printer, subnet: things }
    - { name: sensor, role: iot, count: 4, subnet: things }
    - { name: cam, role: camera, count: 2, subnet: things }
behavior: { callsPerDay: 0.5, updatesPerDay: 1 }
`;

const RECORD_MIX = `name: record-mix
description: The plain records that system 002 streamed; 80 % ordinary, 20 % of four kinds of anomaly, equally often.
records:
  count: 1000
  anomalyShare: 0.2
  classes: [port, packet, duration, protocol]
`;

export interface ShippedScenario {
  readonly name: string;
  readonly summary: string;
  readonly yaml: string;
}

export const SHIPPED_SCENARIOS: readonly ShippedScenario[] = [
  { name: 'office-day', summary: 'a day in a small office, benign', yaml: OFFICE_DAY },
  {
    name: 'intrusion-day',
    summary: 'the same office while a machine is taken over, in seven steps',
    yaml: INTRUSION_DAY,
  },
  { name: 'branch-morning', summary: 'three hours of a branch with two subnets, benign', yaml: BRANCH_MORNING },
  { name: 'record-mix', summary: 'plain records as system 002 streamed them, four kinds of anomaly', yaml: RECORD_MIX },
];
