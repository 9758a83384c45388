import { numberAt } from '../../core/index.ts';
import type { FlowBatch } from '../../flow/index.ts';

/** What the flags of TCP packets that begin no connection say: the probes of port scanners. */

/** Bits of a combination of TCP flags; below PROBE_SHIFT what it says of the connection, above it which probe it would be. */
export const SYN = 1;
const ACKNOWLEDGED = 2;
export const PROBE_SHIFT = 2;

/** Probes by place, as bits: what their packets carry. Those up to XMAS no connection ever shows. */
export const PROBES: readonly { readonly name: string; readonly carries: string }[] = [
  { name: 'null', carries: 'no flag at all' },
  { name: 'fin', carries: 'FIN alone' },
  { name: 'xmas', carries: 'PSH or URG without an ACK' },
  { name: 'ack', carries: 'an ACK of a connection that was never begun' },
  { name: 'maimon', carries: 'FIN and ACK of a connection that was never begun' },
];

export const NULL_PROBE = 0;
export const XMAS_PROBE = 2;
const PROBE_PACKETS = 2;

/** What the flags that an initiator ever set say, see SYN and `PROBES`. */
export function flagClassOf(flags: string): number {
  if (flags.includes('S')) return SYN | (flags.includes('A') && !flags.includes('R') ? ACKNOWLEDGED : 0);
  const acknowledged = flags.includes('A') && !flags.includes('R') ? ACKNOWLEDGED : 0;
  const probe =
    flags === ''
      ? NULL_PROBE
      : flags === 'F'
        ? 1
        : flags === 'A'
          ? 3
          : flags === 'AF'
            ? 4
            : /^[UPF]+$/.test(flags)
              ? XMAS_PROBE
              : -1;
  return acknowledged | (probe < 0 ? 0 : 1 << (PROBE_SHIFT + probe));
}

/** Whether the initiator sent a packet or two and neither side any payload, as far as that is known. */
export function isBare(flows: FlowBatch, row: number): boolean {
  const packets = numberAt(flows.initiatorPackets, row);
  return (
    packets !== undefined &&
    packets >= 1 &&
    packets <= PROBE_PACKETS &&
    numberAt(flows.initiatorPayloadBytes, row) === 0 &&
    numberAt(flows.responderPayloadBytes, row) === 0
  );
}

/**
 * An initiator that acknowledges or sends data has had an answer, even one that the capture does not show. Where neither flags nor payload
 * are known, more packets than a SYN and its six retries (the default of Linux) say the same.
 */
export function wentOn(
  flagClass: number | undefined,
  payload: number | undefined,
  packets: number | undefined,
): boolean {
  if (flagClass !== undefined) return (flagClass & ACKNOWLEDGED) !== 0;
  return payload === undefined ? (packets ?? 1) > 7 : payload > 0;
}
