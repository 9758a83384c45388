import type { HostContext, IncidentContext } from '../../analyst/index.ts';
import { counted, humanCount } from '../../core/index.ts';
import { domainParts } from '../../feature/index.ts';
import type { Incident } from '../../incident/index.ts';
import type { AnalysisResult, DeviceSummary } from '../../report/index.ts';

/** The operator's own lists, of the configuration. */
export type ContextLists = Pick<IncidentContext, 'knownDomains' | 'popular'>;

/**
 * What a run knows beyond an incident, of the hosts that are part of it: nothing of it was written by the network. What the operator's threat lists call an entry that the incident met, and whom they
 * name behind it, are the only names of groups, malware and tools that a model may use.
 */
export function incidentContext(result: AnalysisResult, incident: Incident, lists: ContextLists = {}): IncidentContext {
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
  const intelligence = intelligenceOf(incident);
  const listedDomains = listedDomainsOf(incident);
  return {
    hosts: told,
    usual: usual(result, incident),
    ...(intelligence.length === 0 ? {} : { intelligence }),
    ...(listedDomains.size === 0 ? {} : { listedDomains }),
    ...lists,
  };
}

const MAX_NAMES = 6;
/** A name of a group, malware or tool: up to four words. */
const NAME = /^[\p{L}\p{N}][\p{L}\p{N}._&+/()'-]{0,30}(?: [\p{L}\p{N}(][\p{L}\p{N}._&+/()'-]{0,30}){0,3}$/u;
/** Words that speak to a reader. A list that others publish may hold anything, and is no place for orders. */
const ORDER =
  /\b(?:ignore|disregard|forget|instructions?|prompt|system|assess(?:ment)?|verdict|benign|allow|harmless|you|your|must|say|write|answer|reply|output|print|repeat|execute)\b/i;

/** What threat lists of the operator's call what the incident met, and the groups that they name; what is no name stays with its reference. */
function intelligenceOf({ evidence }: Incident): string[] {
  const names = evidence.flatMap((item) =>
    item.type === 'measure' &&
    (item.name === 'threat-list.group' || item.name === 'threat-list.label') &&
    typeof item.value === 'string' &&
    item.value.length <= 60 &&
    NAME.test(item.value) &&
    !ORDER.test(item.value)
      ? [item.value]
      : [],
  );
  return [...new Set(names)].slice(0, MAX_NAMES);
}

function listedDomainsOf({ evidence }: Incident): ReadonlySet<string> {
  return new Set(
    evidence.flatMap((item) =>
      item.type === 'measure' && item.name === 'threat-list.entry' && typeof item.value === 'string'
        ? (domainParts(item.value)?.domain ?? [])
        : [],
    ),
  );
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
