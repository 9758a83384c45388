import { counted, humanBytes, safeText } from '../../core/index.ts';
import type { Place } from './place.ts';

/** What was sent to one server. */
export interface EgressEntry {
  /** Host and port. */
  readonly to: string;
  readonly place: Place;
  /** Requests that were sent, repeated ones among them. */
  readonly requests: number;
  /** Bytes of their bodies; names and keys in headers are not counted. */
  readonly bytes: number;
  /** Of these: the instructions, the messages (the incident), and the shape asked for. The rest is options. */
  readonly systemBytes: number;
  readonly messageBytes: number;
  readonly schemaBytes: number;
}

export type EgressNote = Omit<EgressEntry, 'requests'>;

/** Servers told apart; further ones are counted with the last. */
const MAX_SERVERS = 16;

/** Keeps account of what left this machine for a language model, by server. What goes to a server on this machine is not in it. */
export class EgressLedger {
  readonly #entries = new Map<string, EgressEntry>();

  /** One request that is on its way. */
  note(sent: EgressNote): void {
    if (sent.place === 'machine') return;
    const to = this.#entries.has(sent.to) || this.#entries.size < MAX_SERVERS ? sent.to : 'other servers';
    const old = this.#entries.get(to);
    this.#entries.set(to, {
      to,
      place: sent.place,
      requests: (old?.requests ?? 0) + 1,
      bytes: (old?.bytes ?? 0) + sent.bytes,
      systemBytes: (old?.systemBytes ?? 0) + sent.systemBytes,
      messageBytes: (old?.messageBytes ?? 0) + sent.messageBytes,
      schemaBytes: (old?.schemaBytes ?? 0) + sent.schemaBytes,
    });
  }

  entries(): readonly EgressEntry[] {
    return [...this.#entries.values()];
  }

  /** A sentence for each server. @param fields what of the incidents was in the messages, in words: 'addresses as pseudonyms'. */
  lines(fields: readonly string[] = []): string[] {
    return this.entries().map(
      ({ to, place, requests, bytes, systemBytes, messageBytes, schemaBytes }) =>
        `${humanBytes(bytes)} in ${counted(requests, 'request')} went to ${safeText(to)} (${
          place === 'remote' ? 'outside this network' : 'in this network'
        }): instructions ${humanBytes(systemBytes)}, incidents ${humanBytes(messageBytes)}, answer schema ${humanBytes(
          schemaBytes,
        )}${fields.length === 0 ? '' : `; of the incidents: ${fields.map((field) => safeText(field, 80)).join(', ')}`}`,
    );
  }
}
