import { ByteWriter } from './bytes.ts';
import {
  ENTERPRISE_IANA,
  ENTERPRISE_V9_SCOPE,
  type ExportedFlow,
  elementName,
  elementRole,
  ROLE,
  takeElement,
} from './information-element.ts';
import { ODDITY, type OddityCounter } from './oddity.ts';

/**
 * Templates of NetFlow v9 (RFC 3954 section 5.2, 6.1) and IPFIX (RFC 7011 section 3.4): the list of fields that data records of a number consist of; and those records.
 * A template is compiled when it comes: what is no part of a flow is stepped over without being looked at, and of templates of fixed length only the offsets that matter are kept.
 */

const FIELD_BYTES = 4;
/** RFC 7011 section 7: the length stands in the record. Some exporters of NetFlow v9 have taken it over (H3C). */
export const VARIABLE_LENGTH = 65_535;
const ENTERPRISE_BIT = 0x8000;
/** Data sets have numbers from here on (RFC 3954 section 5.2, RFC 7011 section 3.3.2). */
export const FIRST_DATA_SET = 256;
/** The longest real templates have some 100 fields. */
const MAX_FIELDS = 512;

export interface TemplateField {
  /** 0 for IANA's. */
  readonly enterprise: number;
  readonly element: number;
  /** Bytes, or VARIABLE_LENGTH. */
  readonly length: number;
}

export interface FlowTemplate {
  readonly id: number;
  readonly isV9: boolean;
  /** Records of it speak of the exporter, not of flows. */
  readonly isOptions: boolean;
  /** Scope fields among `fields`, which come first; 0 for data. */
  readonly scopeFields: number;
  readonly fields: readonly TemplateField[];
  /** Bytes of a record, or -1 where it varies; and the fewest that one can have. */
  readonly recordBytes: number;
  readonly leastBytes: number;
  /** What becomes of the fields: role, offset (-1 where it varies) and length of those that matter, or of all where the length varies. */
  readonly roles: Int32Array;
  readonly offsets: Int32Array;
  readonly lengths: Int32Array;
}

export type TemplateKind = 'v9' | 'v9-options' | 'ipfix' | 'ipfix-options';

/** A template of these fields, or undefined when no record could consist of them. */
export function compileTemplate(
  id: number,
  kind: TemplateKind,
  fields: readonly TemplateField[],
  scopeFields = 0,
): FlowTemplate | undefined {
  const isV9 = kind === 'v9' || kind === 'v9-options';
  let least = 0;
  let varies = false;
  for (const { length } of fields) {
    if (length === VARIABLE_LENGTH) {
      varies = true;
      least++;
    } else least += length;
  }
  // A record of no bytes would be there without end.
  if (least === 0 || least > 65_535) return undefined;
  const roles: number[] = [];
  const offsets: number[] = [];
  const lengths: number[] = [];
  let at = 0;
  for (const { enterprise, element, length } of fields) {
    const role = elementRole(enterprise, element, isV9);
    if (varies || (role !== ROLE.skip && length > 0)) {
      roles.push(role);
      offsets.push(varies ? -1 : at);
      lengths.push(length);
    }
    at += length;
  }
  return {
    id,
    isV9,
    isOptions: kind === 'v9-options' || kind === 'ipfix-options',
    scopeFields,
    fields,
    recordBytes: varies ? -1 : least,
    leastBytes: least,
    roles: Int32Array.from(roles),
    offsets: Int32Array.from(offsets),
    lengths: Int32Array.from(lengths),
  };
}

/** Whether two templates describe the same records. */
export function sameTemplate(a: FlowTemplate, b: FlowTemplate): boolean {
  return (
    a.isOptions === b.isOptions &&
    a.scopeFields === b.scopeFields &&
    a.fields.length === b.fields.length &&
    a.fields.every((field, i) => {
      const other = b.fields[i];
      return field.element === other.element && field.length === other.length && field.enterprise === other.enterprise;
    })
  );
}

export interface TemplateVisitor {
  template(template: FlowTemplate): void;
  /** IPFIX (RFC 7011 section 8.1): the template of this number is over; 2 stands for all of data, 3 for all of options. */
  withdrawal(id: number): void;
}

/** Tells the visitor of every template in the content [at, end) of a template set, its header left out. A template that contradicts itself is counted; what follows it can't be found then. */
export function decodeTemplates(
  bytes: Uint8Array,
  at: number,
  end: number,
  kind: TemplateKind,
  oddities: OddityCounter,
  visitor: TemplateVisitor,
): void {
  const u16 = (o: number): number => (bytes[o] << 8) | bytes[o + 1];
  let here = at;
  while (end - here >= FIELD_BYTES) {
    const id = u16(here);
    let count = u16(here + 2);
    let scopeFields = 0;
    here += 4;
    // What is shorter than a template is padding; so are zeros.
    if (id === 0 && count === 0) return;
    if (count === 0 && (kind === 'ipfix' || kind === 'ipfix-options')) {
      visitor.withdrawal(id);
      continue;
    }
    if (kind === 'v9-options') {
      if (end - here < 2) break;
      // Here the two numbers are bytes, not fields.
      scopeFields = count >> 2;
      count = scopeFields + (u16(here) >> 2);
      here += 2;
    } else if (kind === 'ipfix-options') {
      if (end - here < 2) break;
      scopeFields = u16(here);
      here += 2;
    }
    if (id < FIRST_DATA_SET || count === 0 || count > MAX_FIELDS || scopeFields > count) {
      oddities.count(ODDITY['netflow.bad-template']);
      return;
    }
    const fields: TemplateField[] = [];
    for (let i = 0; i < count; i++) {
      if (end - here < FIELD_BYTES) {
        oddities.count(ODDITY['netflow.bad-template']);
        return;
      }
      let element = u16(here);
      const length = u16(here + 2);
      let enterprise: number = ENTERPRISE_IANA;
      here += FIELD_BYTES;
      if (kind === 'v9-options') {
        if (i < scopeFields) enterprise = ENTERPRISE_V9_SCOPE;
      } else if (kind !== 'v9' && (element & ENTERPRISE_BIT) !== 0) {
        if (end - here < 4) {
          oddities.count(ODDITY['netflow.bad-template']);
          return;
        }
        element &= ~ENTERPRISE_BIT;
        enterprise = ((u16(here) << 16) | u16(here + 2)) >>> 0;
        here += 4;
      }
      fields.push({ enterprise, element, length });
    }
    const template = compileTemplate(id, kind, fields, scopeFields);
    if (template === undefined) oddities.count(ODDITY['netflow.bad-template']);
    else visitor.template(template);
  }
}

/**
 * Reads the records in the content [at, end) of a data set into `flow`, one after the other, and tells of each. Returns how many there were. What is left behind the last
 * is padding when it is shorter than a record; a variable length that leads out of the set is counted, and nothing behind it can be found.
 */
export function decodeRecords(
  template: FlowTemplate,
  bytes: Uint8Array,
  at: number,
  end: number,
  flow: ExportedFlow,
  oddities: OddityCounter,
  visit: (flow: ExportedFlow, at: number, end: number) => void,
): number {
  const { recordBytes, leastBytes, roles, offsets, lengths } = template;
  const n = roles.length;
  let records = 0;
  flow.bytes = bytes;
  if (recordBytes > 0) {
    for (let here = at; end - here >= recordBytes; here += recordBytes) {
      flow.clear();
      for (let i = 0; i < n; i++) takeElement(flow, roles[i], bytes, here + offsets[i], lengths[i]);
      records++;
      visit(flow, here, here + recordBytes);
    }
    return records;
  }
  let here = at;
  while (end - here >= leastBytes) {
    const start = here;
    flow.clear();
    for (let i = 0; i < n; i++) {
      let length = lengths[i];
      if (length === VARIABLE_LENGTH) {
        if (here >= end) return lying(oddities, records);
        length = bytes[here++];
        if (length === 255) {
          if (end - here < 2) return lying(oddities, records);
          length = (bytes[here] << 8) | bytes[here + 1];
          here += 2;
        }
      }
      if (length > end - here) return lying(oddities, records);
      if (roles[i] !== ROLE.skip) takeElement(flow, roles[i], bytes, here, length);
      here += length;
    }
    records++;
    visit(flow, start, here);
  }
  return records;
}

function lying(oddities: OddityCounter, records: number): number {
  oddities.count(ODDITY['netflow.lying-length']);
  return records;
}

const SET_HEADER_BYTES = 4;

/** A set: its number, its length and its content, filled up to a multiple of 4 bytes. */
export function encodeSet(id: number, content: Uint8Array): Uint8Array {
  const length = (SET_HEADER_BYTES + content.length + 3) & ~3;
  const out = new Uint8Array(length);
  const view = new DataView(out.buffer);
  view.setUint16(0, id);
  view.setUint16(2, length);
  out.set(content, SET_HEADER_BYTES);
  return out;
}

/** The set that describes the templates, all of the kind of the first. */
export function encodeTemplates(kind: TemplateKind, templates: readonly FlowTemplate[]): Uint8Array {
  const out = new ByteWriter();
  for (const { id, fields, scopeFields } of templates) {
    out.u16(id);
    if (kind === 'v9-options') {
      out.u16(4 * scopeFields);
      out.u16(4 * (fields.length - scopeFields));
    } else out.u16(fields.length);
    if (kind === 'ipfix-options') out.u16(scopeFields);
    for (const { enterprise, element, length } of fields) {
      const hasEnterprise = enterprise > 0 && (kind === 'ipfix' || kind === 'ipfix-options');
      out.u16(hasEnterprise ? element | ENTERPRISE_BIT : element);
      out.u16(length);
      if (hasEnterprise) out.u32(enterprise);
    }
  }
  return encodeSet({ v9: 0, 'v9-options': 1, ipfix: 2, 'ipfix-options': 3 }[kind], out.finish());
}

/** A field of a record: a number that is written big-endian over the length that the template has for it, or bytes. */
export type FieldValue = number | Uint8Array;

/** The data set of records of a template. Bytes are cut or filled up with zeros where its length is fixed. */
export function encodeRecords(template: FlowTemplate, records: readonly (readonly FieldValue[])[]): Uint8Array {
  const out = new ByteWriter();
  for (const record of records)
    template.fields.forEach(({ length }, i) => {
      const value = record[i] ?? 0;
      if (length === VARIABLE_LENGTH) {
        const content = typeof value === 'number' ? Uint8Array.of(value) : value;
        if (content.length < 255) out.u8(content.length);
        else {
          out.u8(255);
          out.u16(content.length);
        }
        out.bytes(content);
      } else if (typeof value === 'number') {
        for (let k = length - 1; k >= 0; k--) out.u8(Math.floor(value / 256 ** k) % 256);
      } else {
        const content = new Uint8Array(length);
        content.set(value.subarray(0, length));
        out.bytes(content);
      }
    });
  return encodeSet(template.id, out.finish());
}

/** 'template 256: octetDeltaCount 4, sourceIPv4Address 4, ...'. */
export function summarizeTemplate(template: FlowTemplate): string {
  const fields = template.fields
    .slice(0, 32)
    .map(
      ({ enterprise, element, length }) =>
        `${elementName(enterprise, element, template.isV9)} ${length === VARIABLE_LENGTH ? 'variable' : length}`,
    );
  const rest = template.fields.length > 32 ? `, ${template.fields.length - 32} more` : '';
  return `${template.isOptions ? 'options template' : 'template'} ${template.id}: ${fields.join(', ')}${rest}`;
}
