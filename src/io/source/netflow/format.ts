import type { RowFormat } from '../format.ts';
import { captureFeed, captureTimeOf } from './capture.ts';
import { exportTimeOf, fileFeed } from './file.ts';
import { looksLikeNetflow, looksLikeNfcapd, nfcapdError } from './kind.ts';
import { openTogether } from './together.ts';

/** Flow exports among the formats of rows. */

/** Files of datagrams among the formats of rows. */
export const NETFLOW_FORMAT: RowFormat = {
  id: 'netflow',
  title: 'NetFlow v1, v5, v7, v9 and IPFIX datagrams, one after the other',
  flows: true,
  together: true,
  looksLike: (head) => looksLikeNetflow(head),
  openFlows: (inputs, options) => openTogether(inputs, options, fileFeed, exportTimeOf),
};

/** A capture of the traffic between exporters and a collector: only where the operator says so, for it is as well a capture of packets. */
export const NETFLOW_CAPTURE_FORMAT: RowFormat = {
  id: 'netflow-capture',
  title: 'captures of NetFlow, IPFIX and sFlow datagrams: the flows that they tell of, not the datagrams themselves',
  flows: true,
  together: true,
  looksLike: () => false,
  openFlows: (inputs, options) => openTogether(inputs, options, captureFeed, captureTimeOf),
};

/** Told so that it can be refused with what to do. */
export const NFCAPD_FORMAT: RowFormat = {
  id: 'nfcapd',
  title: 'files of nfcapd: not read; nfdump turns them into CSV',
  flows: false,
  looksLike: (head) => looksLikeNfcapd(head),
  openFlows: ([input]) => Promise.reject(nfcapdError(input?.name ?? 'the input')),
  openTable: (source) => Promise.reject(nfcapdError(source.name)),
};
