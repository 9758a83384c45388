import { describe, expect, it } from 'vitest';
import {
  ARP_REPLY,
  ARP_REQUEST,
  decodeFrame,
  encodeArp,
  Fragments,
  LINK_ETHERNET,
  OddityCounter,
  Packet,
  TimeBase,
} from '../wire/index.ts';
import { type ArpChange, ArpChanges, ArpClaims, type ArpSnapshot, type ArpView, StoredArpClaims } from './arp-claim.ts';

const BROADCAST = 'ff:ff:ff:ff:ff:ff';
const ROUTER = '00:11:22:00:00:01';
const THIEF = '00:11:22:00:00:66';
const GATE = '192.168.1.1';

const bytesOf = (mac: string): Uint8Array => Uint8Array.from(mac.split(':'), (part) => Number.parseInt(part, 16));
const word = (address: string): number => address.split('.').reduce((sum, part) => (sum << 8) | Number(part), 0);

/** One network, packet by packet. */
class Wire {
  readonly claims: ArpClaims;
  readonly #packet = new Packet();
  readonly #oddities = new OddityCounter();
  readonly #fragments = new Fragments();

  constructor(capacity?: number) {
    const base = new TimeBase();
    base.seconds = 0;
    this.claims = new ArpClaims(base, capacity);
  }

  send(atMs: number, operation: number, mac: string, sender: string, target: string, vlan?: number): void {
    const arp = encodeArp({ operation, senderMac: bytesOf(mac), sender: word(sender), target: word(target) });
    const tag = vlan === undefined ? [] : [0x81, 0, vlan >> 8, vlan & 255];
    const frame = Uint8Array.from([...bytesOf(BROADCAST), ...bytesOf(mac), ...tag, 0x08, 0x06, ...arp]);
    const view = new DataView(frame.buffer);
    const n = frame.length;
    if (decodeFrame(frame, view, 0, n, n, LINK_ETHERNET, this.#packet, this.#fragments, this.#oddities))
      this.claims.observe(this.#packet, atMs * 1e6);
  }

  ask(atMs: number, mac: string, sender: string, target: string, vlan?: number): void {
    this.send(atMs, ARP_REQUEST, mac, sender, target, vlan);
  }

  answer(atMs: number, mac: string, sender: string, target = '192.168.1.50', vlan?: number): void {
    this.send(atMs, ARP_REPLY, mac, sender, target, vlan);
  }
}

describe('claims by ARP', () => {
  it('tell what was asked for from what nobody had asked for', () => {
    const wire = new Wire();
    wire.answer(0, ROUTER, GATE);
    wire.ask(1000, '00:11:22:00:00:50', '192.168.1.50', GATE);
    wire.answer(1001, ROUTER, GATE);
    wire.answer(20_000, THIEF, GATE);
    wire.answer(22_000, THIEF, GATE);
    expect(wire.claims.contested()).toEqual([
      {
        address: GATE,
        vlan: -1,
        changes: 1,
        claims: [
          { mac: ROUTER, told: 2, unasked: 0, announced: 0, firstMs: 0, lastMs: 1001 },
          { mac: THIEF, told: 0, unasked: 2, announced: 0, firstMs: 20_000, lastMs: 22_000 },
        ],
      },
    ]);
  });

  it('take a question for an answer for ten seconds', () => {
    const wire = new Wire();
    const unasked = (): number[] => wire.claims.contested()[0]?.claims.map((claim) => claim.unasked) ?? [];
    wire.answer(0, ROUTER, GATE);
    wire.ask(1000, '00:11:22:00:00:50', '192.168.1.50', GATE);
    wire.answer(11_000, THIEF, GATE);
    expect(unasked()).toEqual([0, 0]);
    wire.answer(11_001, THIEF, GATE);
    expect(unasked()).toEqual([0, 1]);
  });

  it('count announcements as unasked, but not the first word of an address, nor a probe at all', () => {
    const wire = new Wire();
    wire.ask(0, ROUTER, '0.0.0.0', GATE);
    expect(wire.claims.claimCount(ROUTER)).toBe(0);
    wire.ask(1, ROUTER, GATE, GATE);
    wire.ask(2, ROUTER, GATE, GATE);
    wire.answer(3, THIEF, GATE, GATE);
    expect(wire.claims.contested()[0]?.claims).toMatchObject([
      { told: 1, unasked: 1, announced: 1 },
      { told: 0, unasked: 1, announced: 1 },
    ]);
  });

  it('count a change of hands within ten minutes of silence, and no later one', () => {
    const wire = new Wire();
    wire.answer(0, ROUTER, GATE);
    wire.answer(600_000, THIEF, GATE);
    expect(wire.claims.contested()[0]?.changes).toBe(1);
    wire.answer(1_200_001, ROUTER, GATE);
    expect(wire.claims.contested()[0]?.changes).toBe(1);
  });

  it('tell the addresses that one alone claims, and who is first', () => {
    const wire = new Wire();
    wire.ask(0, THIEF, '192.168.1.66', GATE);
    wire.answer(1, ROUTER, GATE);
    expect([wire.claims.macOf(GATE), wire.claims.isContested(GATE), wire.claims.firstClaimant(GATE)]).toEqual([
      ROUTER,
      false,
      undefined,
    ]);
    wire.answer(2, THIEF, GATE);
    expect([wire.claims.macOf(GATE), wire.claims.isContested(GATE), wire.claims.firstClaimant(GATE)]).toEqual([
      undefined,
      true,
      ROUTER,
    ]);
    expect(wire.claims.ownAddresses(THIEF)).toEqual(['192.168.1.66']);
    expect(wire.claims.claimCount(THIEF)).toBe(2);
    expect(wire.claims.macOf('no address')).toBeUndefined();
  });

  it('are told apart by VLAN', () => {
    const wire = new Wire();
    wire.answer(0, ROUTER, GATE, '192.168.1.50', 10);
    wire.answer(1, THIEF, GATE, '192.168.1.50', 20);
    expect(wire.claims.contested()).toEqual([]);
    wire.answer(2, THIEF, GATE, '192.168.1.50', 10);
    expect(wire.claims.contested().map(({ vlan }) => vlan)).toEqual([10]);
    expect(wire.claims.firstClaimant(GATE)).toBe(ROUTER);
  });

  it('stay bounded when addresses are invented, and keep those that are known', () => {
    const wire = new Wire(100);
    wire.answer(0, ROUTER, GATE);
    for (let i = 0; i < 1000; i++)
      wire.answer(
        i,
        `02:00:00:00:${(i >> 8).toString(16).padStart(2, '0')}:${(i & 255).toString(16).padStart(2, '0')}`,
        `10.0.${i >> 8}.${i & 255}`,
      );
    expect(wire.claims.refused).toBe(901);
    // No room for another hardware address either, but who is known is heard.
    wire.answer(2000, '02:00:00:00:00:01', GATE);
    expect(wire.claims.isContested(GATE)).toBe(true);
    wire.answer(2001, THIEF, GATE);
    expect(wire.claims.refused).toBe(902);
  });

  it('hold eight claimants of an address, and count the others', () => {
    const wire = new Wire();
    for (let i = 0; i < 20; i++) wire.answer(i, `02:00:00:00:00:${i.toString(16).padStart(2, '0')}`, GATE);
    expect(wire.claims.contested()[0]?.claims).toHaveLength(8);
    expect(wire.claims.refused).toBe(12);
  });

  it('hear nothing in other operations', () => {
    const wire = new Wire();
    wire.send(0, 3, ROUTER, GATE, GATE);
    expect(wire.claims.claimCount(ROUTER)).toBe(0);
  });

  it('are told again from their changes and what they were in the end', () => {
    const wire = new Wire();
    const changes = new ArpChanges(wire.claims);
    const stored = new StoredArpClaims();
    const asked = (view: ArpView): unknown => [
      [GATE, '192.168.1.50', '192.168.1.99'].map((address) => [view.isContested(address), view.firstClaimant(address)]),
    ];
    const last = (view: ArpView): unknown => [
      asked(view),
      view.contested(),
      [ROUTER, THIEF, '00:00:00:00:00:01'].map((mac) => [view.ownAddresses(mac), view.claimCount(mac)]),
      [GATE, '192.168.1.50', '192.168.1.99'].map((address) => view.macOf(address)),
    ];
    const steps = [
      () => wire.answer(0, ROUTER, GATE, '192.168.1.50', 10),
      () => wire.answer(1, THIEF, '192.168.1.99', '192.168.1.50', 20),
      () => wire.answer(2, THIEF, GATE, '192.168.1.50', 10),
      // Outside of VLANs nobody else claims it, and that is what is asked first.
      () => wire.answer(3, THIEF, GATE, '192.168.1.50'),
      () => wire.answer(4, ROUTER, GATE, '192.168.1.50'),
    ];
    const told = steps.map((step) => {
      step();
      const now = changes.take();
      stored.note(JSON.parse(JSON.stringify(now)) as ArpChange[]);
      expect(asked(stored)).toEqual(asked(wire.claims));
      return now.length;
    });
    expect(told).toEqual([0, 0, 1, 1, 1]);
    stored.close(JSON.parse(JSON.stringify(wire.claims.snapshot())) as ArpSnapshot);
    expect(last(stored)).toEqual(last(wire.claims));
  });
});
