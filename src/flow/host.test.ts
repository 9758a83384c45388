import { describe, expect, it } from 'vitest';
import { HostTable, mostFrequent } from './host.ts';
import { type FlowRecord, flowTable } from './schema.ts';

function flow(fields: Partial<FlowRecord>): FlowRecord {
  return {
    startMs: 1000,
    endMs: 2000,
    protocol: 'tcp',
    initiator: '10.0.0.1',
    responder: '10.0.0.2',
    responderPort: 443,
    initiatorPackets: 3,
    responderPackets: 2,
    initiatorBytes: 300,
    responderBytes: 50,
    initiatorMac: '02:00:00:00:00:01',
    responderMac: '02:00:00:00:00:02',
    ...fields,
  };
}

describe('hosts', () => {
  it('are told as they are beside rows without an address', () => {
    const { responder: _, ...nobody } = flow({ service: 'ssh', responderPort: 22, serverName: 'b.example' });
    const of = (rows: readonly FlowRecord[]) => {
      const hosts = new HostTable();
      hosts.observe(flowTable(rows));
      return hosts.finish().find(({ address }) => address === '10.0.0.2');
    };
    const known = [flow({ service: 'tls', initiator: '10.0.0.2', responder: '10.0.0.1' })];
    const later = [
      flow({ service: 'ssh', responderPort: 22, serverName: 'b.example' }),
      flow({ service: 'ssh', responderPort: 22 }),
    ];
    expect(of([...known, nobody, ...later])).toEqual(of([...known, ...later]));
    expect(of([...known, nobody, ...later])?.services).toEqual(new Map([['ssh/22', 2]]));
  });

  it('are told by both ends of a flow', () => {
    const hosts = new HostTable();
    hosts.observe(flowTable([flow({ service: 'tls', serverName: 'a.example' }), flow({ endMs: 5000 })]));
    expect(hosts.finish()).toEqual([
      {
        address: '10.0.0.1',
        mac: '02:00:00:00:00:01',
        spoke: true,
        flowsOut: 2,
        flowsIn: 0,
        bytesOut: 600,
        bytesIn: 100,
        firstMs: 1000,
        lastMs: 5000,
        services: undefined,
        names: undefined,
      },
      {
        address: '10.0.0.2',
        mac: '02:00:00:00:00:02',
        spoke: true,
        flowsOut: 0,
        flowsIn: 2,
        bytesOut: 100,
        bytesIn: 600,
        firstMs: 1000,
        lastMs: 5000,
        services: new Map([
          ['tls/443', 1],
          ['tcp/443', 1],
        ]),
        names: new Map([['a.example', 1]]),
      },
    ]);
  });

  it('that refused offer no service, and an address that never answered is no host', () => {
    const hosts = new HostTable();
    hosts.observe(flowTable([flow({ outcome: 'refused' }), flow({ responder: '10.0.0.3', responderPackets: 0 })]));
    const [asker, refuser, ...more] = hosts.finish();
    expect(asker?.address).toBe('10.0.0.1');
    expect(refuser).toMatchObject({ address: '10.0.0.2', mac: '02:00:00:00:00:02', services: undefined });
    // Nothing came from 10.0.0.3: it may be nobody.
    expect(more).toEqual([]);
  });

  it('beyond the cap are refused and counted', () => {
    const hosts = new HostTable(2);
    hosts.observe(flowTable(Array.from({ length: 100 }, (_, i) => flow({ initiator: `10.0.1.${i}` }))));
    expect(hosts.finish()).toHaveLength(2);
    expect([hosts.count, hosts.finish(1)]).toEqual([2, hosts.finish().slice(0, 1)]);
    expect(hosts.refused).toBe(198);
  });

  it('behind a router, and groups, have no MAC of their own', () => {
    const hosts = new HostTable();
    hosts.observe(
      flowTable([
        ...Array.from({ length: 7 }, (_, i) =>
          flow({ initiator: `198.51.100.${i}`, initiatorMac: '02:00:00:00:00:99' }),
        ),
        flow({ initiator: '10.0.0.7', initiatorMac: '01:00:5e:00:00:01' }),
        flow({ initiator: '10.0.0.8' }),
      ]),
    );
    const macs = new Map(hosts.finish().map((h) => [h.address, h.mac]));
    expect(macs.get('198.51.100.0')).toBeUndefined();
    expect(macs.get('10.0.0.7')).toBeUndefined();
    expect(macs.get('10.0.0.8')).toBe('02:00:00:00:00:01');
  });

  it('keys by falling count, then by name', () => {
    expect(
      mostFrequent(
        new Map([
          ['b', 2],
          ['a', 2],
          ['c', 9],
        ]),
        2,
      ),
    ).toEqual(['c', 'a']);
  });

  it('tells so many services and names of all hosts apart and no more, whatever they answer to', () => {
    const hosts = new HostTable(4);
    const row = (host: number, port: number): FlowRecord => ({
      startMs: 0,
      endMs: 1,
      protocol: 'tcp',
      initiator: '10.0.0.1',
      responder: `10.0.1.${host}`,
      responderPort: port,
      initiatorPackets: 1,
      responderPackets: 1,
      initiatorBytes: 60,
      responderBytes: 60,
      outcome: 'answered',
      serverName: port === 1 ? 'x'.repeat(300) : `h${port}.example`,
    });
    for (let port = 1; port <= 40; port++) hosts.observe(flowTable([row(1, port), row(2, port), row(1, port)]));
    const services = hosts.finish().map((host) => [host.services?.size ?? 0, host.names?.size ?? 0]);
    expect(services.reduce(([a = 0, b = 0], [c = 0, d = 0]) => [a + c, b + d], [0, 0])).toEqual([8, 8]);
    expect(hosts.texts).toEqual({ capacity: 16, refused: 3 * 36 + 3 * 35 });
    const first = hosts.finish().find((host) => host.address === '10.0.1.1');
    expect(first?.services?.get('tcp/1')).toBe(2);
    expect(first?.names?.has('x'.repeat(300))).toBe(false);
  });
});
