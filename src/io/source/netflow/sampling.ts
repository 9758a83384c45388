import { type ExportedFlow, ROLE } from '../../../wire/index.ts';
import type { Domain } from './exporter.ts';

/** What option records tell of an exporter, and how many packets of the wire a record stands for. */

const MAX_SAMPLERS = 1024;
const MAX_APPLICATIONS = 8192;

/** Takes in what an option record tells of its domain: sampling, the clock of the device, a name of an application. */
export function takeOption(domain: Domain, flow: ExportedFlow): void {
  const rate = flow.samplingRate();
  if (rate >= 1) {
    if (flow.samplerId >= 0) setBounded(domain.samplers, flow.samplerId, rate, MAX_SAMPLERS);
    else if (flow.scopeInterface >= 0) setBounded(domain.interfaceSampling, flow.scopeInterface, rate, MAX_SAMPLERS);
    else domain.sampling = rate;
  }
  if (!Number.isNaN(flow.systemInitMs)) domain.systemInitMs = flow.systemInitMs;
  if (flow.applicationId > 0) {
    const name = flow.text(ROLE.applicationName);
    if (name !== undefined) setBounded(domain.exporter.applications, flow.applicationId, name, MAX_APPLICATIONS);
  }
}

/** Packets of the wire for each that was looked at: by the record, its sampler, its interface, the exporter, or else the operator, whose word is the `fallback`. */
export function rateOf(domain: Domain, flow: ExportedFlow, fallback: number): number {
  const own = flow.samplingRate();
  if (own >= 1) return own;
  if (flow.samplerId >= 0) {
    const rate = domain.samplers.get(flow.samplerId);
    if (rate !== undefined) return rate;
  } else if (domain.samplers.size === 1) {
    // Records that do not name it have been through the only one there is.
    for (const rate of domain.samplers.values()) return rate;
  }
  const byInterface = domain.interfaceSampling.get(flow.input) ?? domain.interfaceSampling.get(flow.output);
  if (byInterface !== undefined) return byInterface;
  if (domain.sampling >= 1) return domain.sampling;
  return fallback;
}

function setBounded<V>(map: Map<number, V>, key: number, value: V, most: number): void {
  if (map.has(key) || map.size < most) map.set(key, value);
}

/** Takes the counts of packets that went out for those of the way back, or of a flow that was seen going out alone. */
export function useOutCounts(flow: ExportedFlow, isReverse: boolean): void {
  const hasNone = !(flow.octets > 0 || flow.packets > 0);
  if (hasNone && (flow.outOctets > 0 || flow.outPackets > 0)) {
    // Seen going out alone.
    flow.octets = flow.outOctets;
    flow.packets = flow.outPackets;
  } else if (isReverse && Number.isNaN(flow.reverseOctets) && Number.isNaN(flow.reversePackets)) {
    flow.reverseOctets = flow.outOctets;
    flow.reversePackets = flow.outPackets;
  }
}
