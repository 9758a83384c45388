import type { FlowFacts } from '../../../flow/index.ts';
import { type EveEvent, MAX_TEXT } from './event.ts';
import { F } from './field.ts';
import { MAX_OPERATIONS, note, operate, type Pending } from './pending.ts';

/** What the events of application protocols say of a flow: names, versions, requests, logins, things done. */

const MAX_REQUEST = 256;

/** Puts what the event at hand says of its application protocol, and of others that it holds, to the facts of its flow. */
export function learn(event: EveEvent, pending: Pending, type: string): void {
  const { facts } = pending;
  const has = (field: number): boolean => event.has(field);
  // Alerts hold the object of their application protocol as well.
  if (
    has(F.dnsRrname) ||
    has(F.dnsQueries) ||
    has(F.dnsQuery) ||
    has(F.dnsAnswers) ||
    has(F.dnsRcode) ||
    has(F.dnsAnswer)
  ) {
    pending.appProto ??= 'dns';
    learnDns(event, pending);
  }
  if (has(F.tlsSni) || has(F.tlsVersion) || has(F.tlsSubject) || has(F.tlsJa3)) {
    pending.appProto ??= 'tls';
    learnTls(event, facts);
  }
  if (has(F.quicSni) || has(F.quicUa) || has(F.quicJa4) || type === 'quic') {
    pending.appProto ??= 'quic';
    note(facts, 'serverName', event.fact(F.quicSni));
    note(facts, 'client', event.fact(F.quicUa));
    note(facts, 'ja3', event.fact(F.quicJa3));
    note(facts, 'ja4', event.fact(F.quicJa4));
  }
  if (has(F.httpHost) || has(F.httpUrl) || has(F.httpStatus) || type === 'http') {
    pending.appProto ??= 'http';
    learnHttp(event, facts);
  }
  if (has(F.fileName)) operate(pending, `file ${event.text(F.fileName) ?? ''}`);
  const learnMore = Object.hasOwn(LEARNERS, type) ? LEARNERS[type] : undefined;
  if (learnMore === undefined) return;
  if (type !== 'alert') pending.appProto ??= type === 'ftp_data' ? 'ftp-data' : type;
  learnMore(pending, event);
}

function learnTls(event: EveEvent, facts: FlowFacts): void {
  note(facts, 'serverName', event.fact(F.tlsSni));
  const version = event.text(F.tlsVersion);
  note(facts, 'tlsVersion', version === undefined || version === 'UNDETERMINED' ? undefined : tlsVersion(version));
  note(facts, 'ja3', event.fact(F.tlsJa3));
  note(facts, 'ja3s', event.fact(F.tlsJa3s));
  note(facts, 'ja4', event.fact(F.tlsJa4));
  const alpn = event.list(F.tlsClientAlpns);
  const chosen = alpn.length > 0 ? alpn : event.list(F.tlsServerAlpns);
  const names = chosen.filter((name) => typeof name === 'string');
  if (names.length > 0) note(facts, 'alpn', names.join(',').slice(0, MAX_TEXT));
  note(facts, 'certificateSubject', commonName(event.fact(F.tlsSubject)));
  note(facts, 'certificateIssuer', commonName(event.fact(F.tlsIssuer)));
  const fromMs = event.certificateTime(F.tlsFrom);
  const toMs = event.certificateTime(F.tlsTo);
  if (fromMs !== undefined) facts.certificateFromMs ??= fromMs;
  if (toMs !== undefined) facts.certificateToMs ??= toMs;
}

function learnHttp(event: EveEvent, facts: FlowFacts): void {
  const url = event.text(F.httpUrl);
  const method = event.text(F.httpMethod);
  if (facts.httpRequest === undefined && facts.httpHost === undefined) {
    note(facts, 'httpHost', event.fact(F.httpHost));
    if (url !== undefined) note(facts, 'httpRequest', `${method ?? '?'} ${url}`.slice(0, MAX_REQUEST));
    note(facts, 'client', event.fact(F.httpAgent));
  }
  const status = event.count(F.httpStatus, 999);
  if (status !== undefined && status >= 200) facts.httpStatus ??= status;
  note(facts, 'server', event.fact(F.httpServer));
}

function learnDns(event: EveEvent, pending: Pending): void {
  const { facts } = pending;
  const said = event.text(F.dnsType);
  // Version 3 has the questions in an array, alerts of version 2 under 'query'.
  const questions = [...event.list(F.dnsQueries), ...event.list(F.dnsQuery)].flatMap((q) => {
    const name = textOf(q, 'rrname');
    return name === undefined ? [] : [{ name, type: textOf(q, 'rrtype') }];
  });
  const name = event.text(F.dnsRrname);
  const isAnswer = said === 'answer' || said === 'response';
  // In an answer of version 1 rrname is the name of the record, which may be another one than was asked for.
  const isRecord = isAnswer && event.has(F.dnsRdata);
  if (name !== undefined && questions.length === 0 && !(isRecord && facts.dnsQuery !== undefined))
    questions.push({ name, type: event.text(F.dnsRrtype) });
  let isFirst = questions.length === 0;
  for (const question of questions.slice(0, 4)) {
    const asked = question.name.toLowerCase().replace(/\.$/, '').slice(0, MAX_TEXT);
    const type = question.type?.slice(0, 20);
    if (facts.dnsQuery === undefined && facts.dnsType === undefined) {
      note(facts, 'dnsQuery', asked);
      note(facts, 'dnsType', type);
      isFirst = true;
    } else if (facts.dnsQuery === asked && (facts.dnsType === type || type === undefined)) isFirst = true;
    else if (!isAnswer) {
      if (facts.operations === undefined) operate(pending, `${facts.dnsType ?? '?'} ${facts.dnsQuery ?? '.'}`);
      operate(pending, `${type ?? '?'} ${asked || '.'}`);
    }
  }
  note(facts, 'dnsRcode', event.fact(F.dnsRcode));
  if (!isFirst || pending.answersDone) return;
  const answers: { type: string | undefined; data: string; ttl: number | undefined }[] = [];
  if (isRecord) {
    answers.push({
      type: event.text(F.dnsRrtype),
      data: event.text(F.dnsRdata) ?? '',
      ttl: event.number(F.dnsTtl),
    });
  }
  const nested = event.nested(F.dnsAnswer);
  const listed = [...event.list(F.dnsAnswers), ...(Array.isArray(nested) ? nested : [])];
  for (const answer of listed.slice(0, 64)) {
    const data = textOf(answer, 'rdata') ?? dataOf(answer);
    if (data !== undefined) answers.push({ type: textOf(answer, 'rrtype'), data, ttl: numberOf(answer, 'ttl') });
  }
  if (listed.length === 0) {
    const grouped = event.nested(F.dnsGrouped);
    if (typeof grouped === 'object' && grouped !== null)
      for (const [type, list] of Object.entries(grouped))
        for (const data of Array.isArray(list) ? list.slice(0, 64) : [])
          if (typeof data === 'string') answers.push({ type, data, ttl: undefined });
  }
  if (answers.length === 0) return;
  // Records of one answer come in one event since version 2; before, each in its own.
  if (!isRecord) pending.answersDone = true;
  const text = answers.map(({ type, data }) => (type === undefined ? data : `${type} ${data}`));
  const before = facts.dnsAnswers === undefined ? [] : [facts.dnsAnswers];
  facts.dnsAnswers = [...before, ...text].join(', ').slice(0, MAX_TEXT);
  for (const { ttl } of answers)
    if (ttl !== undefined && ttl >= 0 && ttl < (facts.dnsTtl ?? Number.POSITIVE_INFINITY)) facts.dnsTtl = ttl;
}

/** What the events of a protocol say of a flow, by event type. Passwords and communities are never looked at. */
const LEARNERS: Readonly<Record<string, (pending: Pending, event: EveEvent) => void>> = {
  ssh(pending, event) {
    note(pending.facts, 'client', event.fact(F.sshClient));
    note(pending.facts, 'server', event.fact(F.sshServer));
  },
  smb(pending, event) {
    const { facts } = pending;
    const command = event.fact(F.smbCommand) ?? '';
    const status = event.fact(F.smbStatus);
    const failed = status !== undefined && status !== 'STATUS_SUCCESS' && status !== 'STATUS_MORE_PROCESSING_REQUIRED';
    const user = event.fact(F.smbUser);
    note(facts, 'user', user);
    note(facts, 'hostname', event.fact(F.smbHost));
    note(facts, 'client', event.fact(F.smbClientOs));
    note(facts, 'server', event.fact(F.smbServerOs));
    if (command.includes('SESSION_SETUP')) {
      if (status === 'STATUS_SUCCESS' && user !== undefined) note(facts, 'login', 'accepted');
      else if (failed) {
        note(facts, 'login', 'refused');
        operate(pending, `session-setup ${status}`);
      }
      return;
    }
    const share = event.fact(F.smbShare);
    const file = event.fact(F.smbFile);
    const refusal = failed ? ` ${status}` : '';
    if (share !== undefined) operate(pending, `tree ${share}${refusal}`);
    else if (file !== undefined && command.includes('CREATE'))
      operate(pending, `${event.fact(F.smbDisposition) === 'FILE_OPEN' ? 'open' : 'create'} ${file}${refusal}`);
  },
  krb5(pending, event) {
    const { facts } = pending;
    const type = event.fact(F.krbType) ?? '';
    const asked = type === 'KRB_ERROR' ? (event.fact(F.krbFailed) ?? '') : type;
    const isSignOn = asked.includes('AS_RE');
    note(facts, 'user', event.fact(F.krbName));
    const service = event.fact(F.krbService);
    operate(pending, `${isSignOn ? 'AS' : 'TGS'} ${service === undefined || service === '<empty>' ? '?' : service}`);
    const error = event.fact(F.krbError);
    if (type !== 'KRB_ERROR') {
      if (isSignOn) note(facts, 'login', 'accepted');
      const encryption = event.fact(F.krbEncryption);
      if (event.isTrue(F.krbWeak) && encryption !== undefined) operate(pending, encryption);
    } else if (error !== undefined) {
      operate(pending, error);
      // Asked for a proof, clients come again with one: no refusal.
      if (isSignOn && !error.includes('PREAUTH_REQUIRED')) note(facts, 'login', 'refused');
    }
  },
  mqtt(pending, event) {
    const { facts } = pending;
    note(facts, 'client', event.fact(F.mqttClient));
    note(facts, 'user', event.fact(F.mqttUser));
    const code = event.fact(F.mqttReturn);
    if (code !== undefined) note(facts, 'login', code === '0' ? 'accepted' : 'refused');
    const topic = event.fact(F.mqttTopic);
    if (topic !== undefined) operate(pending, `PUBLISH ${topic}`);
    const topics = event.nested(F.mqttTopics);
    for (const one of Array.isArray(topics) ? topics.slice(0, MAX_OPERATIONS) : [])
      operate(pending, `SUBSCRIBE ${textOf(one, 'topic') ?? '?'}`);
  },
  dhcp(pending, event) {
    note(pending.facts, 'hostname', event.fact(F.dhcpHostname));
    note(pending.facts, 'client', event.fact(F.dhcpVendor));
    const type = event.fact(F.dhcpType);
    if (type !== undefined) operate(pending, type);
  },
  ftp(pending, event) {
    const command = event.fact(F.ftpCommand)?.toUpperCase();
    const codes = event.nested(F.ftpCodes);
    const last = Array.isArray(codes) ? codes.at(-1) : undefined;
    if (command === 'USER') note(pending.facts, 'user', event.fact(F.ftpData));
    if (command === 'PASS') {
      if (last === '230') note(pending.facts, 'login', 'accepted');
      else if (last === '530') note(pending.facts, 'login', 'refused');
    } else if (command !== undefined)
      operate(pending, `${command} ${command === 'USER' ? '' : (event.fact(F.ftpData) ?? '')}`.trimEnd());
  },
  smtp(pending, event) {
    note(pending.facts, 'hostname', event.fact(F.smtpHelo));
    const from = event.fact(F.smtpFrom);
    if (from !== undefined) operate(pending, `MAIL ${from}`);
    const to = event.nested(F.smtpTo);
    for (const one of Array.isArray(to) ? to.slice(0, MAX_OPERATIONS) : [])
      if (typeof one === 'string') operate(pending, `RCPT ${one}`);
  },
  rdp(pending, event) {
    note(pending.facts, 'user', event.fact(F.rdpCookie));
    note(pending.facts, 'hostname', event.fact(F.rdpClient));
    const build = event.fact(F.rdpBuild);
    if (build !== undefined) note(pending.facts, 'client', build);
    const reason = event.fact(F.rdpReason);
    if (reason !== undefined) operate(pending, `refused ${reason}`);
  },
  rfb(pending, event) {
    const result = event.fact(F.rfbResult);
    if (result !== undefined) note(pending.facts, 'login', result === 'OK' ? 'accepted' : 'refused');
  },
  sip(pending, event) {
    const method = event.fact(F.sipMethod);
    if (method !== undefined) operate(pending, `${method} ${event.fact(F.sipUri) ?? ''}`.trimEnd());
  },
  tftp(pending, event) {
    operate(pending, `${event.fact(F.tftpPacket) ?? '?'} ${event.fact(F.tftpFile) ?? ''}`.trimEnd());
  },
  snmp(pending, event) {
    note(pending.facts, 'user', event.fact(F.snmpUser));
    const pdu = event.fact(F.snmpPdu);
    if (pdu !== undefined) operate(pending, pdu);
  },
};

/** 'TLSv1', 'TLS 1.2', 'TLSv1.3', 'SSLv3' as our columns have them. */
function tlsVersion(text: string): string {
  const match = /^TLS ?v?(\d)(\.\d)?$/i.exec(text);
  if (match !== null) return `TLS ${match[1]}${match[2] ?? '.0'}`;
  const ssl = /^SSLv?(\d)$/i.exec(text);
  return ssl === null ? text.slice(0, 32) : `SSL ${ssl[1]}.0`;
}

/** The common name, else the organisation, else all of a distinguished name as Suricata writes it ('C=US, O=Example, CN=example.org'). */
function commonName(name: string | undefined): string | undefined {
  if (name === undefined) return undefined;
  const part = (key: string): string | undefined =>
    new RegExp(`(?:^|[,/]\\s*)${key}=((?:\\\\.|[^,/\\\\])+)`).exec(name)?.[1]?.trim();
  return part('CN') ?? part('O') ?? name;
}

function textOf(value: unknown, key: string): string | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const found = (value as Record<string, unknown>)[key];
  return typeof found === 'string' && found !== '' ? found.slice(0, MAX_TEXT) : undefined;
}

function numberOf(value: unknown, key: string): number | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const found = (value as Record<string, unknown>)[key];
  return typeof found === 'number' ? found : undefined;
}

/** Data of a record that has it in parts: SOA, SRV, MX ... */
function dataOf(answer: unknown): string | undefined {
  if (typeof answer !== 'object' || answer === null) return undefined;
  const { srv, soa } = answer as { srv?: unknown; soa?: unknown };
  const target = textOf(srv, 'name') ?? textOf(srv, 'target');
  if (target !== undefined) return `${target}:${numberOf(srv, 'port') ?? '?'}`;
  return textOf(soa, 'mname');
}
