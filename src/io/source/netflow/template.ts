import { type FlowTemplate, isNtopElement, sameTemplate } from '../../../wire/index.ts';
import type { Domain, HeldSet, Waiting } from './exporter.ts';

/** Templates of all domains, and the data sets that wait for theirs. */

const MAX_TEMPLATES_PER_DOMAIN = 1024;
const MAX_WAITING_PER_DOMAIN = 64;

/** Bounds what all domains hold together. */
export class TemplateStore {
  /** Templates beyond the bounds. */
  refused = 0;
  readonly #maxFields: number;
  readonly #maxHeldBytes: number;
  #fields = 0;
  #heldBytes = 0;

  constructor(maxFields: number, maxHeldBytes: number) {
    this.#maxFields = maxFields;
    this.#maxHeldBytes = maxHeldBytes;
  }

  /** Takes in a template, and gives back what waited for it. */
  learn(domain: Domain, template: FlowTemplate): Waiting | undefined {
    const known = domain.templates.get(template.id);
    if (known !== undefined && sameTemplate(known.template, template)) return undefined;
    if (known !== undefined) domain.templateChanges++;
    this.forget(domain, template.id);
    if (domain.templates.size >= MAX_TEMPLATES_PER_DOMAIN || this.#fields + template.fields.length > this.#maxFields) {
      this.refused++;
      return undefined;
    }
    this.#fields += template.fields.length;
    // OUT_BYTES is the same direction, behind the device (RFC 7012: post counts; Cisco, FortiOS). nProbe alone, which shows itself by ntop's elements, means the way back.
    const outIsReverse = template.fields.some((field) => isNtopElement(field, template.isV9));
    domain.templates.set(template.id, { template, outIsReverse });
    const waiting = domain.waiting.get(template.id);
    if (waiting === undefined) return undefined;
    domain.waiting.delete(template.id);
    for (const { bytes } of waiting.held) this.#heldBytes -= bytes.length;
    return waiting;
  }

  forget(domain: Domain, id: number): void {
    const stored = domain.templates.get(id);
    if (stored === undefined) return;
    this.#fields -= stored.template.fields.length;
    domain.templates.delete(id);
  }

  /** Keeps a data set until its template comes; beyond the bound it is given up and counted when the template comes, or at the end. False where too many templates are waited for. */
  hold(domain: Domain, id: number, held: HeldSet): boolean {
    let waiting = domain.waiting.get(id);
    if (waiting === undefined) {
      if (domain.waiting.size >= MAX_WAITING_PER_DOMAIN) return false;
      waiting = { sets: 0, given: 0, held: [] };
      domain.waiting.set(id, waiting);
    }
    waiting.sets++;
    if (this.#heldBytes + held.bytes.length > this.#maxHeldBytes) return true;
    this.#heldBytes += held.bytes.length;
    waiting.held.push(held);
    return true;
  }

  /** What was held is given up. */
  release(): void {
    this.#heldBytes = 0;
  }
}
