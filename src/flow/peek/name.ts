import { decodeDns, dnsRcodeName, dnsTypeName, PROTO } from '../../wire/index.ts';
import { PEEK_FOREIGN, PEEK_MORE, type PeekContext, type StreamPeek } from './peek.ts';

/** DNS, mDNS and LLMNR: the first question and how it was answered. */
export const dnsPeek: StreamPeek = {
  kind: 'stream',
  look(context: PeekContext): number {
    const { bytes, at, end } = context;
    const overTcp = context.protocol === PROTO.tcp;
    if (overTcp && end - at < 2) return PEEK_MORE;
    const length = overTcp ? (bytes[at] << 8) | bytes[at + 1] : end - at;
    const begin = overTcp ? at + 2 : at;
    const message = decodeDns(bytes, begin, Math.min(end, begin + length));
    if (message === undefined) {
      if (overTcp && end - begin < length && end - begin < 64) return PEEK_MORE;
      if (!overTcp) context.oddity('dns.malformed');
      return PEEK_FOREIGN;
    }
    if (message.name !== undefined && !context.has('dnsQuery')) {
      context.note('dnsQuery', message.name);
      context.word('dnsType', dnsTypeName(message.type));
    }
    if (message.isResponse && !context.has('dnsRcode')) context.word('dnsRcode', dnsRcodeName(message.rcode));
    return overTcp ? 2 + length : length;
  },
};
