/** NetFlow, IPFIX and sFlow: datagrams, files and captures of them, as flows. */

export { netflowFromCapture } from './capture.ts';
export { NetflowDecoder, type NetflowOptions } from './decoder.ts';
export type { NetflowCaptureOptions, NetflowFileOptions, NetflowSource } from './feed.ts';
export { netflowFromFile } from './file.ts';
export { NETFLOW_CAPTURE_FORMAT, NETFLOW_FORMAT, NFCAPD_FORMAT } from './format.ts';
export type { PairingExporter, RecordFacts } from './held.ts';
export {
  COLLECTOR_KINDS,
  COLLECTOR_PORTS,
  type CollectorKind,
  isCollectorDatagram,
  looksLikeNetflow,
  looksLikeNfcapd,
  nfcapdError,
} from './kind.ts';
export { DEFAULT_PAIRING, FlowPairing, type PairingOptions } from './pairing.ts';
export type { CollectorStatus, DomainStatus } from './status.ts';
