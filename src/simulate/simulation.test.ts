import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { runCapture } from '../../test/support/capture.ts';
import { CapturePcapngWriter, isSimulated, PROTO, SIMULATED_APPLICATION, simulatedComment } from '../wire/index.ts';
import type { FlowLabel } from './label.ts';
import { ATTACK_KINDS, parseAttackArgument, parseScenario, type Scenario } from './scenario.ts';
import { SHIPPED_SCENARIOS } from './shipped.ts';
import { Simulation } from './simulation.ts';

const OFFICE = SHIPPED_SCENARIOS.find(({ name }) => name === 'office-day')?.yaml ?? '';

/** Enough of an office for every attack, without calls and updates: quick to make. */
const SMALL = `name: small
network:
  subnets: [{ name: lan, cidr: 192.168.10.0/24, cidr6: 2001:db8:10::/64 }]
  hosts:
    - { name: ws, role: workstation, count: 4 }
    - { name: lap, role: laptop }
    - { name: phone, role: phone }
    - { name: srv-app, role: server, os: linux }
    - { name: srv-files, role: server, os: windows }
    - { name: nas, role: nas }
    - { name: printer, role: printer, count: 2 }
    - { name: thermostat, role: iot, count: 2 }
behavior: { callsPerDay: 0, updateBytes: 200kB }
`;

/** Minutes of the morning in which everybody is there, with these attacks. */
function morning(minutes: number, attacks: readonly string[] = [], yaml = SMALL): Scenario {
  const scenario = parseScenario(yaml, 'test', attacks.map(parseAttackArgument));
  return { ...scenario, start: `${scenario.start.slice(0, 11)}09:00:00`, duration: minutes * 60_000 };
}

interface Run {
  readonly simulation: Simulation;
  readonly capture: Uint8Array;
  readonly labels: FlowLabel[];
  /** SHA-256 of times and bytes of the frames of ordinary traffic alone. */
  readonly benign: string;
}

function run(scenario: Scenario, seed = 7, options: { snapLength?: number } = {}): Run {
  const writer = new CapturePcapngWriter({
    application: SIMULATED_APPLICATION,
    comment: simulatedComment(scenario.name, seed),
  });
  const parts: Uint8Array[] = [];
  const labels: FlowLabel[] = [];
  const benign = createHash('sha256');
  const simulation: Simulation = new Simulation(scenario, seed, {
    ...options,
    onFrames: (batch, base) => {
      for (let i = 0; i < batch.count; i++) {
        writer.add(batch, i, base);
        if (simulation.wire.origins[i] !== 0) continue;
        const at = batch.offset[i] ?? 0;
        benign.update(String(batch.timeNs[i]));
        benign.update(batch.bytes.subarray(at, at + (batch.captureLength[i] ?? 0)));
      }
      parts.push(writer.take().slice());
    },
    onFlows: (_table, rows) => labels.push(...rows),
  });
  while (simulation.run()) {
    // Batches come through the callbacks.
  }
  return { simulation, capture: Buffer.concat(parts), labels, benign: benign.digest('hex') };
}

function digest(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** One of each kind, quick enough for a few minutes. */
const ATTACKS: Readonly<Record<string, string>> = {
  scan: 'scan:rate=100,start=20s,duration=20s',
  'arp-scan': 'arp-scan:start=20s',
  'icmp-sweep': 'icmp-sweep:rate=50,start=20s',
  'brute-force': 'brute-force:attempts=12,success=true,start=10s',
  beacon: 'beacon:period=15s,jitter=0.4,start=5s',
  'dns-tunnel': 'dns-tunnel:start=20s,duration=10s',
  dga: 'dga:start=20s,resolves=0.1',
  exfiltration: 'exfiltration:bytes=2MB,start=20s',
  flood: 'flood:rate=300,start=20s,duration=5s',
  amplification: 'amplification:start=20s,duration=2s',
  'icmp-tunnel': 'icmp-tunnel:start=20s,duration=20s',
  mining: 'mining:period=5s,start=10s',
  'remote-control': 'remote-control:period=5s,commands=300,start=10s',
  shell: 'shell:commands=5,intensity=10,start=10s',
  'new-device': 'new-device:start=10s',
  'arp-spoof': 'arp-spoof:start=10s',
  'rogue-dhcp': 'rogue-dhcp:period=10s,start=10s',
  'lateral-movement': 'lateral-movement:period=5s,start=10s',
  'cleartext-login': 'cleartext-login:period=20s,start=10s',
};
const VARIANTS: readonly string[] = [
  ...Object.values(ATTACKS),
  'scan:id=v1,technique=connect,to=srv-app,portCount=100,rate=50,start=20s',
  'scan:id=v2,technique=udp,to=printer-01+nas,ports=53+161+1900,rate=10,start=20s',
  ...['rdp', 'smb', 'ftp', 'http'].map(
    (service) => `brute-force:id=b-${service},service=${service},to=srv-files,attempts=5,success=true,start=10s`,
  ),
  ...['http', 'dns', 'tcp'].map((protocol) => `beacon:id=c-${protocol},protocol=${protocol},period=20s,start=5s`),
  ...['A', 'CNAME', 'NULL'].map((type) => `dns-tunnel:id=t-${type},type=${type},start=20s,duration=5s`),
  'exfiltration:id=slow,mode=slow,bytes=1MB,period=10s,start=10s',
  'flood:id=f-udp,technique=udp,rate=100,start=20s,duration=3s',
  'flood:id=f-icmp,technique=icmp,rate=100,spoofed=false,start=20s,duration=3s',
  'amplification:id=a-ntp,service=ntp,start=20s,duration=2s',
  ...['wmi', 'winrm', 'rdp'].map((via) => `lateral-movement:id=l-${via},via=${via},period=5s,start=10s`),
  'remote-control:id=raw,protocol=tcp,to=orders.duckdns.org,period=5s,start=10s',
  'cleartext-login:id=basic,service=http,period=20s,start=10s',
];

describe('a simulation', () => {
  it('makes the same bytes and labels for the same seed, and others for another', () => {
    const scenario = morning(2, ['beacon:period=10s,start=10s']);
    const one = run(scenario);
    const two = run(scenario);
    expect(digest(two.capture)).toBe(digest(one.capture));
    expect(two.labels).toEqual(one.labels);
    expect(digest(run(scenario, 8).capture)).not.toBe(digest(one.capture));
  });

  it('comes out the same however often it is interrupted', () => {
    const scenario = morning(1);
    const whole = run(scenario);
    let frames = 0;
    const hash = createHash('sha256');
    const simulation = new Simulation(scenario, 7, {
      onFrames: (batch) => {
        frames += batch.count;
        for (let i = 0; i < batch.count; i++) {
          const at = batch.offset[i] ?? 0;
          hash.update(String(batch.timeNs[i]));
          hash.update(batch.bytes.subarray(at, at + (batch.captureLength[i] ?? 0)));
        }
      },
    });
    while (simulation.run(7)) {
      // A few frames at a time.
    }
    expect(frames).toBe(whole.simulation.wire.frames);
    expect(hash.digest('hex')).toBe(whole.benign);
  });

  it('has an example of every kind of attack here', () => {
    expect(Object.keys(ATTACKS).sort()).toEqual([...ATTACK_KINDS].sort());
  });

  it('leaves ordinary traffic as it is, byte for byte, whatever attack is added', () => {
    const { benign } = run(morning(1.5));
    for (const attack of VARIANTS) expect([attack, run(morning(1.5, [attack])).benign]).toEqual([attack, benign]);
  });

  it.each(Object.entries(ATTACKS))('%s is seen in flows of its label', (kind, attack) => {
    const { labels } = run(morning(2, [attack]));
    const own = labels.filter(({ label }) => label === kind);
    expect(own.length).toBeGreaterThan(0);
    expect(own.every((label) => label.attack === `${kind}-1` && label.attackPackets > 0)).toBe(true);
    expect(labels.every(({ label }) => label === kind || label === 'benign')).toBe(true);
  });

  it('is understood whole: no packet of any protocol or attack is an oddity', () => {
    const { capture, simulation } = run(morning(3, VARIANTS));
    const read = runCapture(capture);
    expect(read.status.packets).toBe(simulation.wire.frames);
    expect(read.oddities.list()).toEqual([]);
  });

  it('has a valid checksum in every header', () => {
    const bad: string[] = [];
    const simulation = new Simulation(morning(2, VARIANTS), 3, {
      onFrames: (batch) => {
        for (let i = 0; i < batch.count; i++) {
          const at = batch.offset[i] ?? 0;
          const fault = checksumFault(batch.bytes.subarray(at, at + (batch.captureLength[i] ?? 0)));
          if (fault !== undefined) bad.push(`${batch.firstFrame + i}: ${fault}`);
        }
      },
    });
    while (simulation.run()) {
      // All frames are looked at above.
    }
    expect(bad).toEqual([]);
    expect(simulation.wire.frames).toBeGreaterThan(10_000);
  });

  it('comes in the order of time', () => {
    let last = -1;
    const simulation = new Simulation(morning(2, VARIANTS), 3, {
      onFrames: (batch) => {
        for (let i = 0; i < batch.count; i++) {
          const time = batch.timeNs[i] ?? 0;
          if (time < last) throw new Error(`frame ${batch.firstFrame + i} is early`);
          last = time;
        }
      },
    });
    while (simulation.run()) {
      // Checked above.
    }
    expect(last).toBeGreaterThan(60e9);
  });

  it('keeps of a frame what the snap length allows, and says how long it was', () => {
    const scenario = morning(1);
    const whole = run(scenario);
    const cut = run(scenario, 7, { snapLength: 96 });
    expect(cut.simulation.wire.frames).toBe(whole.simulation.wire.frames);
    expect(cut.simulation.wire.wireBytes).toBe(whole.simulation.wire.wireBytes);
    expect(cut.capture.length).toBeLessThan(whole.capture.length / 2);
  });
});

describe('labels', () => {
  const scenarios = SHIPPED_SCENARIOS.filter(({ name }) => name !== 'record-mix');

  it.each(scenarios)('of $name: every flow of the capture has exactly one', ({ yaml }) => {
    const scenario = morning(20, [], yaml);
    const early = scenario.attacks.map((attack) => ({
      ...attack,
      start: { afterMs: 60_000 },
      ...(attack.kind === 'exfiltration' ? { bytes: 3_000_000 } : {}),
    }));
    const { capture, labels } = run({ ...scenario, duration: 6 * 60_000, attacks: early });
    expectJoin(capture, labels);
  });

  it('of all attacks at once: every flow of the capture has exactly one', () => {
    const { capture, labels } = run(morning(3, VARIANTS));
    expectJoin(capture, labels);
    // Where two attacks share a flow, as ARP between the same two hosts, it is the first one's.
    expect(new Set(labels.map(({ label }) => label)).size).toBeGreaterThan(ATTACK_KINDS.length - 3);
  });

  function expectJoin(capture: Uint8Array, labels: readonly FlowLabel[]): void {
    const { flows } = runCapture(capture);
    const byFrame = new Map(labels.map((label) => [label.firstFrame, label]));
    expect(byFrame.size).toBe(labels.length);
    expect(flows.length).toBe(labels.length);
    for (const flow of flows) {
      const label = byFrame.get(flow.firstFrame ?? 0);
      expect([
        label?.initiator,
        label?.initiatorPort,
        label?.responder,
        label?.responderPort,
        label?.protocol,
        label?.startMs,
        label?.endMs,
        label?.packets,
      ]).toEqual([
        flow.initiator,
        flow.initiatorPort,
        flow.responder,
        flow.responderPort,
        flow.protocol,
        flow.startMs,
        flow.endMs,
        (flow.initiatorPackets ?? 0) + (flow.responderPackets ?? 0),
      ]);
    }
  }
});

describe('the knobs of an attack', () => {
  const starts = (attack: string): number[] =>
    run(morning(6, [attack]))
      .labels.filter(({ label, protocol }) => label === 'beacon' && protocol === 'tcp')
      .map(({ startMs }) => startMs)
      .sort((a, b) => a - b);
  const gaps = (times: readonly number[]): number[] => times.slice(1).map((time, i) => time - (times[i] ?? 0));

  it('a beacon keeps to its period, as far as its jitter lets it', () => {
    const even = gaps(starts('beacon:period=10s,jitter=0,start=5s,protocol=tcp,to=203.0.113.9'));
    expect(even.length).toBeGreaterThan(30);
    for (const gap of even) expect(Math.abs(gap - 10_000)).toBeLessThan(50);
    const wild = gaps(starts('beacon:period=10s,jitter=0.5,start=5s,protocol=tcp,to=203.0.113.9'));
    for (const gap of wild) {
      expect(gap).toBeGreaterThan(4900);
      expect(gap).toBeLessThan(15_100);
    }
    expect(Math.max(...wild) - Math.min(...wild)).toBeGreaterThan(5000);
  });

  it('intensity makes it come more often', () => {
    const once = starts('beacon:period=20s,jitter=0,start=5s,protocol=tcp').length;
    expect(
      Math.abs(starts('beacon:period=20s,jitter=0,start=5s,protocol=tcp,intensity=4').length - 4 * once),
    ).toBeLessThan(5);
  });

  it('a burst of exfiltration carries the bytes that it was told to', () => {
    const { labels } = run(morning(2, ['exfiltration:bytes=3MB,start=10s']));
    const packets = Math.max(
      ...labels.filter(({ label }) => label === 'exfiltration').map((label) => label.attackPackets),
    );
    expect(packets).toBeGreaterThan(3_000_000 / 1460);
  });

  it('a scan of everything there is takes no more memory than its rate', () => {
    const ports = Array.from({ length: 60_000 }, (_, i) => i + 1);
    const scenario = morning(1);
    const [attack] = parseScenario('attacks: [{ kind: scan, to: 10.0.0.0/16, start: 0s, rate: 100 }]', 'x').attacks;
    if (attack?.kind !== 'scan') throw new Error('not a scan');
    const { simulation, labels } = run({ ...scenario, attacks: [{ ...attack, ports }] });
    expect(labels.filter(({ label }) => label === 'scan').length).toBeGreaterThan(5000);
    expect(simulation.engine.peak).toBeLessThan(2000);
  });

  it('stops when its time is over', () => {
    const { labels } = run(morning(3, ['dga:start=20s,duration=30s,namesPerMinute=600']));
    const first = Math.min(...labels.map(({ startMs }) => startMs));
    const last = Math.max(...labels.filter(({ label }) => label === 'dga').map(({ startMs }) => startMs));
    expect(last - first).toBeLessThan(60_000);
  });

  it('what two cannot do together is said when it begins', () => {
    const scenario = morning(1, ['arp-spoof:from=203.0.113.4,start=1s']);
    expect(() => run(scenario)).toThrow('attack arp-spoof-1: from: 203.0.113.4 is not in the office');
  });
});

describe('the office', () => {
  const day = run(morning(20, [], OFFICE));
  const { flows } = runCapture(day.capture);

  it('says that it is simulated', () => {
    expect(isSimulated(day.capture.subarray(0, 512))).toBe(true);
  });

  it('speaks the protocols of an office, told by content', () => {
    const services = new Set(flows.map(({ service }) => service));
    for (const service of ['dns', 'dhcp', 'ntp', 'tls', 'http', 'quic', 'smb', 'mdns', 'ssdp', 'stun'])
      expect(services).toContain(service);
  });

  it('has several TLS clients, that look like themselves', () => {
    const prints = new Set(flows.flatMap(({ ja4 }) => ja4 ?? []));
    expect(prints.size).toBeGreaterThanOrEqual(4);
  });

  it('ends its TCP connections, with nothing missing and little sent again', () => {
    const tcp = flows.filter(({ protocol }) => protocol === 'tcp');
    expect(tcp.length).toBeGreaterThan(300);
    expect(tcp.filter((flow) => (flow.initiatorMissingBytes ?? 0) + (flow.responderMissingBytes ?? 0) > 0)).toEqual([]);
    const again = tcp.reduce(
      (n, flow) => n + (flow.initiatorRetransmissions ?? 0) + (flow.responderRetransmissions ?? 0),
      0,
    );
    const packets = tcp.reduce((n, flow) => n + (flow.initiatorPackets ?? 0) + (flow.responderPackets ?? 0), 0);
    expect(again).toBeGreaterThan(0);
    expect(again / packets).toBeLessThan(0.01);
    const closed = tcp.filter(({ closeReason }) => closeReason === 'fin' || closeReason === 'rst');
    expect(closed.length / tcp.length).toBeGreaterThan(0.8);
  });

  it('asks for a neighbour before it speaks to it for the first time', () => {
    const known = new Set(
      flows
        .filter(({ protocol }) => protocol === 'arp')
        .flatMap(({ initiator, responder }) => [`${initiator} ${responder}`, `${responder} ${initiator}`]),
    );
    const gateway = '192.168.10.1';
    for (const flow of flows) {
      if (flow.protocol !== 'tcp' || flow.initiator?.includes(':') === true) continue;
      const peer = flow.responder?.startsWith('192.168.10.') === true ? flow.responder : gateway;
      expect(known).toContain(`${flow.initiator} ${peer}`);
    }
  });

  it('does not ask for a name that it knows still', () => {
    const asked = flows.filter(({ dnsQuery, dnsType }) => dnsQuery === 'imap.mailpost.example' && dnsType === 'A');
    const byHost = new Map<string, number>();
    for (const { initiator = '' } of asked) byHost.set(initiator, (byHost.get(initiator) ?? 0) + 1);
    expect(asked.length).toBeGreaterThan(0);
    // A poll every five minutes, a name that holds for five minutes or more.
    for (const [, n] of byHost) expect(n).toBeLessThanOrEqual(4);
  });

  it('has beacons that mean no harm', () => {
    const counts = new Map<string, number>();
    for (const { serverName, initiator } of flows)
      if (serverName !== undefined)
        counts.set(`${initiator} ${serverName}`, (counts.get(`${initiator} ${serverName}`) ?? 0) + 1);
    expect(Math.max(...counts.values())).toBeGreaterThanOrEqual(3);
  });

  it('is quiet at night', () => {
    const night = { ...morning(20, [], OFFICE), start: '2026-03-02T02:00:00' };
    expect(run(night).simulation.wire.frames).toBeLessThan(day.simulation.wire.frames / 10);
  });

  it('keeps few processes alive, whatever the time that is simulated', () => {
    expect(day.simulation.engine.peak).toBeLessThan(1000);
    expect(day.simulation.engine.refused).toBe(0);
  });
});

/** What is wrong with the checksums of an Ethernet frame, by RFC 1071 from its bytes alone. */
function checksumFault(frame: Uint8Array): string | undefined {
  const view = new DataView(frame.buffer, frame.byteOffset, frame.byteLength);
  const sum = (from: number, to: number): number => {
    let total = 0;
    for (let i = from; i < to; i += 2) total += i + 1 < to ? view.getUint16(i) : view.getUint8(i) << 8;
    return total;
  };
  const isWhole = (total: number): boolean => {
    let folded = total;
    while (folded > 0xffff) folded = (folded & 0xffff) + Math.floor(folded / 0x10000);
    return folded === 0xffff;
  };
  const type = view.getUint16(12);
  if (type === 0x0806) return undefined;
  const isV6 = type === 0x86dd;
  const transport = isV6 ? 54 : 34;
  const end = isV6 ? 54 + view.getUint16(18) : 14 + view.getUint16(16);
  if (end > frame.length) return 'shorter than it says';
  if (!isV6 && !isWhole(sum(14, 34))) return 'IPv4 header';
  const protocol = view.getUint8(isV6 ? 20 : 23);
  const pseudo = (isV6 ? sum(22, 54) : sum(26, 34)) + protocol + (end - transport);
  const total = sum(transport, end) + (protocol === PROTO.icmp ? 0 : pseudo);
  if (protocol === PROTO.udp && view.getUint16(transport + 6) === 0) return 'UDP without a checksum';
  return isWhole(total) ? undefined : `protocol ${protocol}`;
}
