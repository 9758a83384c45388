import { TCP_FIN, TCP_RST } from '../wire/index.ts';

/**
 * State of a TCP flow in Zeek's conn_state letters (Zeek documentation, base/protocols/conn), from the flags that each side ever set.
 * @param seen the record's flag word: see W_FLAGS. @param i side of the initiator, 0 or 1.
 */
export function tcpState(seen: number, i: number): string {
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
    if (initiatorFin && responderFin) return 'SF';
    if (initiatorRst) return 'RSTO';
    if (responderRst) return 'RSTR';
    return initiatorFin ? 'S2' : responderFin ? 'S3' : 'S1';
  }
  if (syn) {
    if (responderRst) return 'REJ';
    if (responder !== 0) return initiatorFin && responderFin ? 'SF' : 'OTH';
    if (initiatorRst) return 'RSTOS0';
    return initiatorFin ? 'SH' : 'S0';
  }
  if (synAck) return responderRst ? 'RSTRH' : responderFin ? 'SHR' : 'OTH';
  return 'OTH';
}
