import type { FlowColumnName } from '../../../flow/index.ts';

/** Columns of the flow table that exports fill. */

const SFLOW_COLUMNS: readonly FlowColumnName[] = [
  'id',
  'startMs',
  'endMs',
  'protocol',
  'initiator',
  'initiatorPort',
  'responder',
  'responderPort',
  'icmpType',
  'icmpCode',
  'vlan',
  'initiatorMac',
  'responderMac',
  'initiatorPackets',
  'responderPackets',
  'initiatorBytes',
  'responderBytes',
  'closeReason',
  'continued',
  'outcome',
  'service',
  'serviceBasis',
  'portService',
  'dnsQuery',
  'dnsType',
  'dnsRcode',
  'communityId',
  'input',
];
const FLOW_ONLY_COLUMNS: readonly FlowColumnName[] = [
  'durationMs',
  'initiatorFlags',
  'responderFlags',
  'tcpState',
  'serverName',
  'httpHost',
  'httpRequest',
  'httpStatus',
  'client',
  'user',
];
export const SFLOW_GIVES: ReadonlySet<string> = new Set(SFLOW_COLUMNS);
export const FLOW_GIVES: ReadonlySet<string> = new Set([...SFLOW_COLUMNS, ...FLOW_ONLY_COLUMNS]);
