import { type EvidenceFlow, MAX_EVIDENCE_FLOWS } from '../detection.ts';
import { CONTACT_PROTOCOLS, type Contact, DNS_PORT, hasEvidence, ICMP, NAME, ODD, sampleRank } from './contact.ts';
import { compare, compareText } from './search.ts';
import type { Suspect } from './source.ts';

/** The flows that a search shows. */

const EVIDENCE_SAMPLE = 256;

/** Flows of contacts: of the sample of the source those that belong to them, the earliest first. */
export function evidenceOf(source: Suspect, contacts: readonly Contact[]): EvidenceFlow[] {
  source.sample ??= sampleOf(Object.values(source.contacts).flat().filter(hasEvidence));
  const wanted = new Set(contacts);
  return source.sample
    .filter((contact) => wanted.has(contact))
    .slice(0, MAX_EVIDENCE_FLOWS)
    .map((contact) => flowOf(source.address, contact));
}

/** The contacts with the lowest ranks, by time. */
function sampleOf(contacts: readonly Contact[]): Contact[] {
  if (contacts.length <= EVIDENCE_SAMPLE) return contacts.toSorted(byEvidence);
  const ranks = Float64Array.from(contacts, sampleRank);
  const limit = ranks.toSorted()[EVIDENCE_SAMPLE - 1] ?? Number.POSITIVE_INFINITY;
  return contacts
    .map((contact, i) => ({ contact, rank: ranks[i] ?? 0 }))
    .filter(({ rank }) => rank <= limit)
    .sort((a, b) => a.rank - b.rank || byEvidence(a.contact, b.contact))
    .slice(0, EVIDENCE_SAMPLE)
    .map(({ contact }) => contact)
    .sort(byEvidence);
}

function byEvidence(a: Contact, b: Contact): number {
  return (
    compare(a.evidence.startMs, b.evidence.startMs) ||
    a.evidence.id - b.evidence.id ||
    a.protocol - b.protocol ||
    compareText(a.host, b.host) ||
    a.port - b.port
  );
}

/** What says which flow it is. */
function flowOf(initiator: string, { protocol, host, port, evidence }: Contact): EvidenceFlow {
  const { startMs, id, initiatorPort } = evidence;
  const name =
    protocol === NAME
      ? 'udp'
      : protocol >= ODD
        ? 'tcp'
        : protocol === ICMP && host.includes(':')
          ? 'icmpv6'
          : CONTACT_PROTOCOLS[protocol];
  return {
    ...(id < 0 ? {} : { id }),
    ...(Number.isFinite(startMs) ? { startMs } : {}),
    ...(name === undefined ? {} : { protocol: name }),
    initiator,
    ...(initiatorPort < 0 ? {} : { initiatorPort }),
    // A question about a host went to a server of the DNS.
    ...(protocol === NAME ? { responderPort: DNS_PORT } : { responder: host }),
    ...(port < 0 ? {} : { responderPort: port }),
  };
}
