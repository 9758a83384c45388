import type { EveEvent } from './event.ts';
import { F } from './field.ts';

/** The alerts of EVE logs, grouped. */

/** Groups of alerts, by signature, addresses and port, that are kept; events of further ones are counted. */
const MAX_ALERTS = 10_000;
const ALERT_TEXT = 256;

/** What Suricata says that it found: events of one signature between the same hosts, on the same port, as one. */
export interface EveAlert {
  readonly gid: number;
  /** Signature id. */
  readonly sid: number;
  readonly rev: number | undefined;
  /** Text of the rule's author; at most 256 characters. */
  readonly signature: string;
  readonly category: string | undefined;
  /** Priority of the rule: 1 is the most severe, 4 the least. */
  readonly severity: number | undefined;
  /** allowed or blocked. */
  readonly action: string | undefined;
  /** ATT&CK techniques that the rule's metadata names, such as T1110. */
  readonly techniques: readonly string[];
  /** As in the flow table: tcp, udp ... */
  readonly protocol: string | undefined;
  /** Sender and receiver of the packet that was alerted on. */
  readonly src: string;
  readonly srcPort: number | undefined;
  readonly dst: string;
  readonly dstPort: number | undefined;
  readonly communityId: string | undefined;
  /** Events of this kind, and the times of the first and the last, epoch ms. */
  count: number;
  firstMs: number;
  lastMs: number;
}

/** The alerts of a log, those of one kind as one. */
export class AlertBook {
  readonly #alerts = new Map<string, EveAlert>();
  /** Alert events of kinds beyond the bound. */
  leftOut = 0;

  all(): readonly EveAlert[] {
    return [...this.#alerts.values()];
  }

  take(event: EveEvent, time: number, src: string, dst: string): void {
    const sid = event.number(F.alertSid);
    if (sid === undefined) return;
    const gid = event.number(F.alertGid) ?? 1;
    const dstPort = event.count(F.destPort, 65_535);
    const key = `${gid}:${sid} ${src} ${dst} ${dstPort ?? ''}`;
    const known = this.#alerts.get(key);
    if (known !== undefined) {
      known.count++;
      if (time < known.firstMs) known.firstMs = time;
      if (time > known.lastMs) known.lastMs = time;
      return;
    }
    if (this.#alerts.size >= MAX_ALERTS) {
      this.leftOut++;
      return;
    }
    const techniques = [...event.list(F.alertTechniques), ...event.list(F.alertMitre)].flatMap((t) =>
      typeof t === 'string' ? [t.replaceAll('_', '.').toUpperCase()] : [],
    );
    this.#alerts.set(key, {
      gid,
      sid,
      rev: event.number(F.alertRev),
      signature: event.text(F.alertSignature)?.slice(0, ALERT_TEXT) ?? `signature ${gid}:${sid}`,
      category: event.text(F.alertCategory)?.slice(0, ALERT_TEXT),
      severity: event.number(F.alertSeverity),
      action: event.text(F.alertAction)?.slice(0, 32),
      techniques: [...new Set(techniques.filter((t) => /^T\d{4}(\.\d{3})?$/.test(t)))].slice(0, 8),
      protocol: event.protocol(),
      src,
      srcPort: event.count(F.srcPort, 65_535),
      dst,
      dstPort,
      communityId: event.fact(F.communityId),
      count: 1,
      firstMs: time,
      lastMs: time,
    });
  }
}
