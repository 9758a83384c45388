import type { HostContext, IncidentContext } from '../../analyst/index.ts';
import { counted, humanCount } from '../../core/index.ts';
import type { Incident } from '../../incident/index.ts';
import type { AnalysisResult, DeviceSummary } from '../../report/index.ts';

/** What a run knows beyond an incident, of the hosts that are part of it: nothing of it was written by the network. */
export function incidentContext(result: AnalysisResult, incident: Incident): IncidentContext {
  const involved = [...incident.actors, ...incident.peers].map(({ address }) => address);
  const devices = new Map<string, DeviceSummary>();
  for (const device of result.devices ?? [])
    for (const { address } of device.addresses) if (!devices.has(address)) devices.set(address, device);
  const hosts = new Map(result.hosts.map((host) => [host.address, host]));
  const told: HostContext[] = [];
  for (const address of new Set(involved)) {
    const device = devices.get(address);
    const host = hosts.get(address);
    if (device === undefined && host === undefined) continue;
    const role = device?.baseline?.role ?? device?.roles[0]?.role;
    const { standing, importance } = device?.baseline ?? {};
    const firstMs = device?.firstMs ?? host?.firstMs;
    told.push({
      address,
      ...(role === undefined ? {} : { role }),
      ...(device?.vendor === undefined ? {} : { vendor: device.vendor }),
      ...(standing === undefined ? {} : { standing }),
      ...(importance === undefined ? {} : { importance }),
      ...(firstMs === undefined || firstMs === 0 ? {} : { firstMs }),
      ...(host === undefined ? {} : { flows: host.flowsOut + host.flowsIn }),
    });
  }
  return { hosts: told, usual: usual(result, incident) };
}

/** What the whole run was like, beside which the incident stands. */
function usual({ run, incidents }: AnalysisResult, incident: Incident): string[] {
  const alike = incidents.filter(({ kind, id }) => kind === incident.kind && id !== incident.id).length;
  return [
    ...(run.flows > 0 ? [`The whole run has ${counted(run.flows, 'flow')} of ${counted(run.hosts, 'host')}.`] : []),
    ...(alike > 0
      ? [`${humanCount(alike)} further ${alike === 1 ? 'incident' : 'incidents'} of this kind in the run.`]
      : []),
  ];
}
