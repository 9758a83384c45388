/** Floor 5: detections with network meaning. */
import { arpSpoofInfo, createArpSpoofDetector, DEFAULT_ARP_SPOOF_OPTIONS } from './arp-spoof.ts';
import { beaconInfo, createBeaconDetector, DEFAULT_BEACON_OPTIONS } from './beacon.ts';
import { bruteForceInfo, createBruteForceDetector, DEFAULT_BRUTE_FORCE_OPTIONS } from './brute-force.ts';
import {
  cleartextLoginInfo,
  createCleartextLoginDetector,
  DEFAULT_CLEARTEXT_LOGIN_OPTIONS,
} from './cleartext-login.ts';
import type { Detector, DetectorInfo, NetworkContext } from './detection.ts';
import { createDgaDetector, DEFAULT_DGA_OPTIONS, dgaInfo } from './dga.ts';
import {
  createDhcpStarvationDetector,
  DEFAULT_DHCP_STARVATION_OPTIONS,
  dhcpStarvationInfo,
} from './dhcp-starvation.ts';
import { createDnsBurstDetector, DEFAULT_DNS_BURST_OPTIONS, dnsBurstInfo } from './dns-burst.ts';
import { createDnsTunnelDetector, DEFAULT_DNS_TUNNEL_OPTIONS, dnsTunnelInfo } from './dns-tunnel.ts';
import { createDynamicNameDetector, DEFAULT_DYNAMIC_NAME_OPTIONS, dynamicNameInfo } from './dynamic-name.ts';
import { createExfiltrationDetector, DEFAULT_EXFILTRATION_OPTIONS, exfiltrationInfo } from './exfiltration.ts';
import { createFloodDetector, DEFAULT_FLOOD_OPTIONS, floodInfo } from './flood.ts';
import { createIcmpTunnelDetector, DEFAULT_ICMP_TUNNEL_OPTIONS, icmpTunnelInfo } from './icmp-tunnel.ts';
import {
  createLateralMovementDetector,
  DEFAULT_LATERAL_MOVEMENT_OPTIONS,
  lateralMovementInfo,
} from './lateral-movement.ts';
import {
  createLongConnectionDetector,
  DEFAULT_LONG_CONNECTION_OPTIONS,
  longConnectionInfo,
} from './long-connection.ts';
import { createMiningDetector, DEFAULT_MINING_OPTIONS, miningInfo } from './mining.ts';
import { createNamePoisonDetector, DEFAULT_NAME_POISON_OPTIONS, namePoisonInfo } from './name-poison.ts';
import { createNewDeviceDetector, DEFAULT_NEW_DEVICE_OPTIONS, newDeviceInfo } from './new-device.ts';
import { createNewEdgeDetector, DEFAULT_NEW_EDGE_OPTIONS, newEdgeInfo } from './new-edge.ts';
import { createNewServiceDetector, DEFAULT_NEW_SERVICE_OPTIONS, newServiceInfo } from './new-service.ts';
import { createPolicyDetector, DEFAULT_POLICY_OPTIONS, policyInfo } from './policy.ts';
import {
  createProtocolMismatchDetector,
  DEFAULT_PROTOCOL_MISMATCH_OPTIONS,
  protocolMismatchInfo,
} from './protocol-mismatch.ts';
import { createRogueDhcpDetector, DEFAULT_ROGUE_DHCP_OPTIONS, rogueDhcpInfo } from './rogue-dhcp.ts';
import { createScanDetector, DEFAULT_SCAN_OPTIONS, scanInfo } from './scan.ts';
import { DEFAULT_STRANGE_FLOW_OPTIONS, strangeFlowInfo } from './strange-flow.ts';
import { createSuspiciousTlsDetector, DEFAULT_SUSPICIOUS_TLS_OPTIONS, suspiciousTlsInfo } from './suspicious-tls.ts';
import { createThreatListDetector, DEFAULT_THREAT_LIST_OPTIONS, threatListInfo } from './threat-list.ts';

export { alertDetections, type SensorAlert } from './alert.ts';
export {
  type AllowList,
  type AllowListKind,
  type AllowListProblem,
  allowListKind,
  baselineOfLists,
  baselineText,
  parseAllowList,
} from './baseline/allow-list.ts';
export * from './baseline/baseline.ts';
export { type BaselineChange, BaselineFile, diffBaselines, protocolOf } from './baseline/file.ts';
export {
  flowProtocol,
  frameProtocol,
  layerOfProtocol,
  protocolFault,
  protocolKey,
  protocolLabel,
  UNRECOGNISED,
} from './baseline/protocol.ts';
export type {
  BaselineDevice,
  BaselineDocument,
  BaselineLayer,
  BaselineProtocol,
  BaselineStatus,
} from './baseline/schema.ts';
export { BASELINE_LAYERS, BASELINE_VERSION, baselineJsonSchemaText } from './baseline/schema.ts';
export {
  BEACON_THREAT,
  type BeaconSeries,
  type EvennessScore,
  type RitaBeaconScore,
  ritaBeaconScore,
  ritaSeries,
  ritaThreatScore,
  type ThreatThresholds,
} from './beacon/rita-score.ts';
export { createBeaconDetector } from './beacon.ts';
export { createBruteForceDetector } from './brute-force.ts';
export * from './detection.ts';
export { createDgaDetector } from './dga.ts';
export { createDnsBurstDetector } from './dns-burst.ts';
export { createDnsTunnelDetector } from './dns-tunnel.ts';
export { EvidenceRows } from './evidence/evidence.ts';
export { EvidenceStore, plainRecord } from './evidence/store.ts';
export { createExfiltrationDetector } from './exfiltration.ts';
export { createFloodDetector } from './flood.ts';
export { createIcmpTunnelDetector } from './icmp-tunnel.ts';
export { createLongConnectionDetector, LONG_CONNECTION_THREAT } from './long-connection.ts';
export { createNewDeviceDetector } from './new-device.ts';
export { createNewEdgeDetector } from './new-edge.ts';
export { createNewServiceDetector } from './new-service.ts';
export { type Breach, createPolicyDetector, PolicyRules, type ProtocolBreach } from './policy.ts';
export { RULE_SETS, type RuleSet, ruleSet } from './rule-set.ts';
export { createScanDetector } from './scan.ts';
export { createStrangeFlowDetector, type StrangeFlowDetector } from './strange-flow.ts';
export {
  DEFAULT_STRANGE_RECORD_OPTIONS,
  type RecordBatch,
  recordOf,
  type StrangeRecord,
  type StrangeRecordOptions,
  StrangeRecords,
} from './strange-record.ts';
export {
  MAX_THREAT_ENTRIES,
  type ThreatListInfo,
  type ThreatListProblem,
  ThreatLists,
} from './threat/parse.ts';
export { createThreatListDetector } from './threat-list.ts';

/** What a user may set of a detector: its thresholds and caps by name. */
export type DetectorSettings = Readonly<Record<string, number | boolean>>;

/** One line per detector: a new one is a file and a line here. */
export interface DetectorEntry {
  readonly info: DetectorInfo;
  /** Every setting with its default. */
  readonly defaults: DetectorSettings;
  /** Absent for a detector that needs a model: `createStrangeFlowDetector`. Settings that it has not are left aside. */
  readonly create?: (context: NetworkContext, settings?: DetectorSettings) => Detector;
}

export const DETECTORS: readonly DetectorEntry[] = [
  entry(scanInfo, { ...DEFAULT_SCAN_OPTIONS }, createScanDetector),
  entry(bruteForceInfo, { ...DEFAULT_BRUTE_FORCE_OPTIONS }, createBruteForceDetector),
  entry(floodInfo, { ...DEFAULT_FLOOD_OPTIONS }, createFloodDetector),
  entry(beaconInfo, { ...DEFAULT_BEACON_OPTIONS }, createBeaconDetector),
  entry(longConnectionInfo, { ...DEFAULT_LONG_CONNECTION_OPTIONS }, createLongConnectionDetector),
  entry(suspiciousTlsInfo, { ...DEFAULT_SUSPICIOUS_TLS_OPTIONS }, createSuspiciousTlsDetector),
  entry(dynamicNameInfo, { ...DEFAULT_DYNAMIC_NAME_OPTIONS }, createDynamicNameDetector),
  entry(dnsTunnelInfo, { ...DEFAULT_DNS_TUNNEL_OPTIONS }, createDnsTunnelDetector),
  entry(dgaInfo, { ...DEFAULT_DGA_OPTIONS }, createDgaDetector),
  entry(dnsBurstInfo, { ...DEFAULT_DNS_BURST_OPTIONS }, createDnsBurstDetector),
  entry(exfiltrationInfo, { ...DEFAULT_EXFILTRATION_OPTIONS }, createExfiltrationDetector),
  entry(icmpTunnelInfo, { ...DEFAULT_ICMP_TUNNEL_OPTIONS }, createIcmpTunnelDetector),
  entry(miningInfo, { ...DEFAULT_MINING_OPTIONS }, createMiningDetector),
  entry(protocolMismatchInfo, { ...DEFAULT_PROTOCOL_MISMATCH_OPTIONS }, createProtocolMismatchDetector),
  entry(cleartextLoginInfo, { ...DEFAULT_CLEARTEXT_LOGIN_OPTIONS }, createCleartextLoginDetector),
  entry(lateralMovementInfo, { ...DEFAULT_LATERAL_MOVEMENT_OPTIONS }, createLateralMovementDetector),
  entry(arpSpoofInfo, { ...DEFAULT_ARP_SPOOF_OPTIONS }, createArpSpoofDetector),
  entry(namePoisonInfo, { ...DEFAULT_NAME_POISON_OPTIONS }, createNamePoisonDetector),
  entry(rogueDhcpInfo, { ...DEFAULT_ROGUE_DHCP_OPTIONS }, createRogueDhcpDetector),
  entry(dhcpStarvationInfo, { ...DEFAULT_DHCP_STARVATION_OPTIONS }, createDhcpStarvationDetector),
  entry(newDeviceInfo, { ...DEFAULT_NEW_DEVICE_OPTIONS }, createNewDeviceDetector),
  entry(newServiceInfo, { ...DEFAULT_NEW_SERVICE_OPTIONS }, createNewServiceDetector),
  entry(newEdgeInfo, { ...DEFAULT_NEW_EDGE_OPTIONS }, createNewEdgeDetector),
  entry(policyInfo, { ...DEFAULT_POLICY_OPTIONS }, createPolicyDetector),
  entry(threatListInfo, { ...DEFAULT_THREAT_LIST_OPTIONS }, createThreatListDetector),
  { info: strangeFlowInfo, defaults: { ...DEFAULT_STRANGE_FLOW_OPTIONS } },
];

function entry<T extends DetectorSettings>(
  info: DetectorInfo,
  defaults: T,
  create: (context: NetworkContext, options: T) => Detector,
): DetectorEntry {
  return {
    info,
    defaults,
    create: (context, settings = {}) => {
      const known = Object.entries(settings).filter(([name, value]) => typeof value === typeof defaults[name]);
      return create(context, Object.assign({ ...defaults }, Object.fromEntries(known)));
    },
  };
}

export { UNLIKE_ITS_PORT } from './service.ts';
