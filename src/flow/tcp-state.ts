import { TCP_FIN, TCP_RST } from '../wire/index.ts';

const STATE = {
  S0: 0,
  S1: 1,
  SF: 2,
  REJ: 3,
  S2: 4,
  S3: 5,
  RSTO: 6,
  RSTR: 7,
  RSTOS0: 8,
  RSTRH: 9,
  SH: 10,
  SHR: 11,
  OTH: 12,
} as const;

/** Zeek's conn_state letters (Zeek documentation, base/protocols/conn). */
export const TCP_STATES: readonly string[] = Object.keys(STATE);

/**
 * State of a TCP flow, as an index of TCP_STATES, from the flags that each side ever set.
 * @param seen the record's flag word: see W_FLAGS. @param i side of the initiator, 0 or 1.
 */
export function tcpStateNumber(seen: number, i: number): number {
  const r = 1 - i;
  const initiator = (seen >> (8 * i)) & 255;
  const responder = (seen >> (8 * r)) & 255;
  const syn = ((seen >> (16 + i)) & 1) !== 0;
  const synAck = ((seen >> (18 + r)) & 1) !== 0;
  const initiatorRst = (initiator & TCP_RST) !== 0;
  const responderRst = (responder & TCP_RST) !== 0;
  const initiatorFin = (initiator & TCP_FIN) !== 0;
  const responderFin = (responder & TCP_FIN) !== 0;
  if (syn && synAck) {
    if (initiatorFin && responderFin) return STATE.SF;
    if (initiatorRst) return STATE.RSTO;
    if (responderRst) return STATE.RSTR;
    return initiatorFin ? STATE.S2 : responderFin ? STATE.S3 : STATE.S1;
  }
  if (syn) {
    if (responderRst) return STATE.REJ;
    if (responder !== 0) return initiatorFin && responderFin ? STATE.SF : STATE.OTH;
    if (initiatorRst) return STATE.RSTOS0;
    return initiatorFin ? STATE.SH : STATE.S0;
  }
  if (synAck) return responderRst ? STATE.RSTRH : responderFin ? STATE.SHR : STATE.OTH;
  return STATE.OTH;
}

/** As `tcpStateNumber`, in letters. */
export function tcpState(seen: number, i: number): string {
  return TCP_STATES[tcpStateNumber(seen, i)];
}
