/** Records that agents send: a listener on TCP and HTTP, as tables. */

export { listenRecords } from './listener.ts';
export {
  LISTEN_TOKEN_VARIABLE,
  type ListenAddress,
  type ListenerOptions,
  type ListenerStatus,
  type RecordBatch,
  type RecordListener,
} from './option.ts';
export { PeerLimiter, peerOf } from './peer.ts';
export { listenerTable } from './table.ts';
