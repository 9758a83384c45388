import { decodeClientHello, decodeHttpRequest } from '../../wire/index.ts';
import { PEEK_DONE, PEEK_FOREIGN, type PeekContext, type StreamPeek } from './peek.ts';

/** TLS over TCP: the names in the ClientHello. */
export const tlsPeek: StreamPeek = {
  kind: 'stream',
  keep: 16_384,
  look(context: PeekContext): number {
    const { bytes, at, end } = context;
    if (!context.fromInitiator) return PEEK_DONE;
    const hello = decodeClientHello(bytes, at, end);
    if (hello === undefined) return PEEK_FOREIGN;
    if (hello.state === 'malformed') context.oddity('tls.malformed-hello');
    context.note('serverName', hello.serverName);
    if (hello.alpn.length > 0) context.note('alpn', hello.alpn.join(','));
    return PEEK_DONE;
  },
};

/** HTTP/1: the first request. */
export const httpPeek: StreamPeek = {
  kind: 'stream',
  look(context: PeekContext): number {
    const { bytes, at, end } = context;
    if (!context.fromInitiator) return PEEK_DONE;
    const request = decodeHttpRequest(bytes, at, end);
    if (request === undefined) return PEEK_FOREIGN;
    context.note('httpRequest', `${request.method} ${request.target}`);
    context.note('httpHost', request.host);
    return PEEK_DONE;
  },
};
