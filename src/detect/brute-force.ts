import { counted, humanBytes, humanCount, humanDuration, median, numberAt, type Table, textAt } from '../core/index.ts';
import type { FeatureMatrix } from '../feature/index.ts';
import { bindFlows, type FlowBatch } from '../flow/index.ts';
import { Cap, hash32, saturationsOf, TimeSpan } from './bounded/bounded.ts';
import { NONE, type PairKey, RowPairs } from './bounded/pair.ts';
import { compareText, Judged } from './case.ts';
import {
  type Detection,
  type Detector,
  type DetectorInfo,
  type EvidenceFlow,
  MAX_PEERS,
  type NetworkContext,
  type Reason,
  type Saturation,
} from './detection.ts';
import { EvidencePool, mergeEvidence } from './evidence/pool.ts';
import {
  KERBEROS_ACCEPTED,
  KERBEROS_LOGIN,
  KERBEROS_NONE,
  KerberosLogins,
  KerberosTally,
  MIN_KERBEROS_NAMES,
} from './kerberos-login.ts';
import { type Attempt, type Pair, Pairs } from './login-pairs.ts';
import { type LoginService, loginService, readLoginService } from './service.ts';
import { classesOf, textOf } from './told.ts';
import { WEB_LOGIN, WebLogins } from './web-login.ts';

/**
 * Password guessing, told by the shape of connections alone: many short, alike, completed connections from one host to a login service.
 *
 * What it sees. A flow to a service that asks for a login (by content first, so SSH on port 902 is SSH; see `service.ts`) is an attempt when both
 * sides sent payload, it lasted at most a minute, and neither side sent more than a failed login takes there. Attempts are counted per source,
 * target and port. At least 9 within five minutes (the number that Slips uses) and at least 60 % of them alike (payload each way within a quarter
 * or 64 bytes of the median; what the end of the input cut off is not asked) make a detection. Spraying, a few passwords on each of many hosts, is counted per source and service: at least 15 attempts
 * on 3 hosts or more within five minutes, two or more per host on average; guessing at 3 hosts or more without a pause of five minutes is one such detection as well. The five minutes are the busiest ones: what lies around them is counted too.
 *
 * Where the answers can be read (FTP, mail, Telnet, VNC, databases and SMB without encryption; those of SSH by their lengths), they count instead of the shape: a connection whose login was accepted is no attempt, one in which logins were
 * refused is one whatever its size, and counts as often as the server said no. From 9 refusals within five minutes on (15 for spraying) nothing has to be alike, and n is the number of refusals. A login that is
 * accepted after refusals is said: then a password was found. Refusals of one user name alone, fewer than 30, are also what a program with an old password leaves where programs log in by themselves.
 *
 * Score: n / (n + 9), n being the attempts that are alike; times 0.7 for services where ordinary programs log in again and
 * again with equal shape (databases, directories, file shares, mail). 9 attempts give 0.5, 40 give 0.82, 1,000 give 0.99.
 *
 * What does not count: a few sessions of differing size (an administrator), sessions with real work in them (git, rsync and ansible move more
 * bytes than a login), connections that say nothing (a port check every minute) or no more than a greeting (a monitor that reads the version of an SSH server), logins that the decoder saw
 * accepted, SMB and LDAP without a name, mail that is handed over, a greeting and a farewell, mail clients that poll every few minutes (too few in five minutes).
 * A longer or larger session between the same two hosts after the attempts is reported, as a login may have worked.
 *
 * HTTP. The shape of a login is that of any other request, so that a request counts only where it says that it is one (`web-login.ts`): a form handed in to a login page, or credentials that the server
 * refused. As many people behind one address (a proxy, a provider) log in to the same page, it takes 20 of them within five minutes.
 *
 * Kerberos. The server says itself why it refuses (`kerberos-login.ts`), over TCP and UDP, so that only logins with a wrong password or an unknown name count, and their size is not asked. Nine
 * are enough where they go under three names or more, as guessing of names and spraying do; under fewer names, where a program with an old password looks the same, it takes 20 within five minutes. A client
 * whose logins are accepted more often than refused (a web or mail server that logs in for its users) is left alone.
 *
 * Logs that count no payload (NetFlow, Argus, Suricata's flows). It is reckoned from the bytes of each side, less 52 for the headers of each packet; and as a check of a port leaves about as much, a connection
 * counts only where the client sent 5 packets and the server 4, or 300 bytes each where packets are not told by side. Without content, services are told by their ports.
 *
 * What fools it: automation that opens one short connection per trivial command looks exactly like guessing where the answers can't be read;
 * many guesses in one connection, as SMB and HTTP allow (counted where refusals can be read); guessing slower than 9 in five minutes; spraying from many sources.
 * Logins over HTTPS are not seen: there the shape of a login is that of any request. Of HTTP only the first request of a connection is known, and pages for logins with a name that does not say so are not.
 *
 * Cost: one look-up per flow to a login service; 40 to 80 bytes per remembered attempt, at most 2,000 per pair (beyond that a sample by hash, which does not depend on the order),
 * 150,000 in all.
 *
 * Source: attempt threshold of Stratosphere Linux IPS; flow-shape approach of Hellemans et al., "SSHCure", AIMS 2012.
 */
export interface BruteForceOptions {
  /** Attempts on one target within `windowMs`. */
  readonly minAttempts: number;
  readonly windowMs: number;
  /** Share of attempts that must be alike. */
  readonly minAlike: number;
  /** Attempts and targets of one source within `windowMs` for spraying. */
  readonly minSprayAttempts: number;
  readonly minSprayHosts: number;
  /** Logins over HTTP within `windowMs`, on one target or sprayed; and refused logins to Kerberos under one name or two. */
  readonly minWebAttempts: number;
  /** A longer connection is no failed login. */
  readonly maxAttemptMs: number;
  readonly maxPairs: number;
  readonly maxAttemptsPerPair: number;
  readonly maxAttempts: number;
}

export const DEFAULT_BRUTE_FORCE_OPTIONS: BruteForceOptions = {
  minAttempts: 9,
  windowMs: 300_000,
  minAlike: 0.6,
  minSprayAttempts: 15,
  minSprayHosts: 3,
  minWebAttempts: 20,
  maxAttemptMs: 60_000,
  maxPairs: 10_000,
  maxAttemptsPerPair: 2_000,
  maxAttempts: 150_000,
};

export const bruteForceInfo: DetectorInfo = {
  id: 'brute-force',
  kinds: ['brute-force.login', 'brute-force.spray'],
  needs: ['initiator', 'responder', 'responderPort', 'protocol', 'startMs', 'endMs'],
  needsOneOf: ['initiatorPayloadBytes', 'initiatorBytes'],
  sees: 'Many short, alike, completed connections from one host to a login service, or to the same service of several hosts.',
  fooledBy:
    'Automation that opens one short login per command, and many guesses in one connection, where the answers cannot be read; fewer than 9 guesses in five minutes (20 over HTTP); logins over HTTPS.',
  cost: 'One look-up per flow to a login service; 40 to 80 bytes per attempt, at most 150,000 of them.',
  source: 'Attempt threshold of Stratosphere Linux IPS; flow shape as in SSHCure (Hellemans et al. 2012).',
};

export function createBruteForceDetector(context: NetworkContext, options: Partial<BruteForceOptions> = {}): Detector {
  const {
    minAttempts,
    windowMs,
    minAlike,
    minSprayAttempts,
    minSprayHosts,
    minWebAttempts,
    maxAttemptMs,
    maxPairs,
    maxAttemptsPerPair,
    maxAttempts,
  } = { ...DEFAULT_BRUTE_FORCE_OPTIONS, ...options };
  const pairs = new Pairs();
  /** Of pairs of Kerberos, which have the same cap. */
  const tallies = new Map<number, KerberosTally>();
  const pairCap = new Cap('pairs of client and login service', maxPairs);
  const attemptCap = new Cap('login attempts', maxAttempts);
  const pool = new EvidencePool(maxPairs + 15_000);

  function observe(table: Table, _features: FeatureMatrix): void {
    const flows = bindFlows(table);
    const isTcp = classesOf(flows.protocol, (name) => name === 'tcp');
    const protocols = flows.protocol.codes;
    const ends = new RowPairs(flows);
    const web = new WebLogins(flows);
    const kerberos = new KerberosLogins(flows);
    const outcomes = classesOf(flows.login, (login) =>
      login === 'refused' ? REFUSED : login === 'accepted' ? ACCEPTED : 0,
    );
    const users = flows.user.codes;
    const guests = new Judged(flows.operations, guestOf, NO_GUEST);
    const isIdle = new Judged(flows.operations, hasNoLogin, false);
    for (let row = 0; row < flows.rowCount; row++) {
      const isKerberos = kerberos.is(row);
      if (isTcp[(protocols[row] as number) + 1] === 0 && !isKerberos) continue;
      const clientBytes = numberAt(flows.initiatorPayloadBytes, row) ?? reckoned(flows, row, CLIENT);
      if (clientBytes === 0) continue;
      const serverBytes = numberAt(flows.responderPayloadBytes, row) ?? reckoned(flows, row, SERVER);
      if (serverBytes === 0 || numberAt(flows.continued, row) === 1) continue;
      const port = numberAt(flows.responderPort, row);
      const isWeb = web.isLogin(row);
      const outcome = isKerberos ? 0 : (outcomes[(flows.login.codes[row] as number) + 1] as number);
      const serviceName = textAt(flows.service, row);
      const service = isKerberos
        ? KERBEROS_LOGIN
        : isWeb
          ? WEB_LOGIN
          : outcome === 0
            ? loginService(serviceName, port)
            : readLoginService(serviceName, port);
      if (service === undefined || port === undefined) continue;
      if (clientBytes <= (service.idleClientBytes ?? 0) && textAt(flows.closeReason, row) !== 'end') continue;
      const guest = service.name === 'smb' ? guests.at(row) : NO_GUEST;
      const isTold = (flows.login.codes[row] as number) >= 0 || (users[row] as number) >= 0;
      if (!isTold && (guest === ANONYMOUS || (TELLING.has(service.name) && isIdle.at(row)))) continue;
      if (!ends.read(row, service.name)) continue;
      const startMs = numberAt(flows.startMs, row);
      if (startMs === undefined) continue;
      const endMs = numberAt(flows.endMs, row) ?? startMs;
      const durationMs = numberAt(flows.durationMs, row) ?? endMs - startMs;
      if (isKerberos && !isRefusedTicket(kerberos.outcomeAt(row), ends)) continue;
      const pair = pairOf(ends, service);
      if (pair === NONE) continue;
      if (isKerberos) tallyOf(pair).add(flows, row, kerberos.outcomeAt(row));
      const refused = isWeb ? (web.isRefused(row) ? 1 : 0) : outcome === 0 ? 0 : refusalsIn(flows, row, outcome);
      // A server that takes whom it does not know for a guest accepts every guess.
      if (outcome === ACCEPTED && !isWeb && guest !== GUEST) {
        pairs.addAccepted(pair, startMs);
        pool.offer(pairs.sessionEvidence[pair] ?? NONE, table, row, -startMs);
        if (refused === 0) continue;
      }
      const isRefused = refused > 0;
      const isLong =
        clientBytes > service.clientBytes || serverBytes > service.serverBytes || durationMs > maxAttemptMs;
      if (isLong && (isWeb || !isRefused)) {
        if (isRefused) continue;
        pairs.addSession(pair, startMs);
        // The latest first: what matters is a session after the attempts.
        pool.offer(pairs.sessionEvidence[pair] ?? NONE, table, row, -startMs);
        continue;
      }
      pairs.countAttempt(pair, startMs, endMs);
      if (isRefused) pairs.addRefused(pair, refused, textAt(flows.user, row));
      pool.offer(pairs.evidence[pair] ?? NONE, table, row);
      const hash = hash32(`${startMs} ${numberAt(flows.initiatorPort, row)} ${numberAt(flows.id, row)}`);
      if (hash >= (pairs.ceiling[pair] ?? 0)) continue;
      if (pairs.held >= maxAttempts) {
        attemptCap.refused++;
        continue;
      }
      const isCut = textAt(flows.closeReason, row) === 'end';
      pairs.remember(
        pair,
        { hash, startMs, clientBytes, serverBytes, durationMs, refused: Math.min(refused, 255), isCut },
        maxAttemptsPerPair,
      );
    }
  }

  /** Whether a login to Kerberos was refused; one that was accepted is held in favour of a client that was refused before. */
  function isRefusedTicket(outcome: number, key: PairKey): boolean {
    if (outcome !== KERBEROS_ACCEPTED) return outcome !== KERBEROS_NONE;
    const known = pairs.table.find(key);
    if (known !== NONE) tallyOf(known).accepted++;
    return false;
  }

  function tallyOf(pair: number): KerberosTally {
    const known = tallies.get(pair);
    if (known !== undefined) return known;
    const made = new KerberosTally();
    tallies.set(pair, made);
    return made;
  }

  function pairOf(key: PairKey, service: LoginService): number {
    const known = pairs.table.find(key);
    if (known !== NONE) return known;
    const made = pairs.table.size >= maxPairs ? NONE : pairs.add(key, service);
    if (made === NONE) pairCap.refused++;
    else {
      pairs.evidence[made] = pool.collector();
      pairs.sessionEvidence[made] = pool.collector(2);
    }
    return made;
  }

  function finish(): Detection[] {
    const detections: Detection[] = [];
    const bySource = new Map<string, Pair[]>();
    for (const pair of pairs.attempted()) {
      if (tallies.get(pair.number)?.isMostlyRefused === false) continue;
      const key = `${pair.source} ${pair.service.name}`;
      const group = bySource.get(key);
      if (group === undefined) bySource.set(key, [pair]);
      else group.push(pair);
    }
    for (const group of bySource.values()) {
      const isWeb = group[0]?.service === WEB_LOGIN;
      const sprayed = isWeb ? Math.max(minSprayAttempts, minWebAttempts) : minSprayAttempts;
      const many: Pair[] = [];
      const few: Pair[] = [];
      const alone: Detection[] = [];
      for (const pair of group) {
        const tally = tallies.get(pair.number);
        const takesMore = isWeb || (tally !== undefined && tally.names < MIN_KERBEROS_NAMES);
        const found = judge([pair], takesMore ? minWebAttempts : minAttempts);
        if (found !== undefined) alone.push(found);
        (found === undefined ? few : many).push(pair);
      }
      // Guessing at many hosts in one go is one thing that somebody does.
      if (hostCount(many) >= minSprayHosts && goOn(many, windowMs)) {
        const whole = goOn(group, windowMs) ? judge(group, sprayed) : undefined;
        const together = whole ?? judge(many, sprayed);
        if (whole !== undefined) few.length = 0;
        detections.push(...(together === undefined ? alone : [together]));
      } else detections.push(...alone);
      const hosts = hostCount(few);
      const attempts = few.reduce((n, pair) => n + pair.attemptCount, 0);
      const refusals = few.reduce((n, pair) => n + pair.refused, 0);
      if (hosts < minSprayHosts || Math.max(attempts, refusals) < 2 * hosts) continue;
      const spray = judge(few, sprayed);
      if (spray !== undefined) detections.push(spray);
    }
    return detections.sort(
      (a, b) =>
        b.score - a.score ||
        compareText(a.actor, b.actor) ||
        compareText(a.peers[0] ?? '', b.peers[0] ?? '') ||
        (a.port ?? 0) - (b.port ?? 0),
    );
  }

  function judge(group: readonly Pair[], threshold: number): Detection | undefined {
    const first = group[0];
    const attempts = group.flatMap((pair) => pairs.attempts(pair.number));
    if (first === undefined || attempts.length === 0) return undefined;
    const refusals = group.reduce((n, pair) => n + pair.refused, 0);
    if (Math.max(attempts.length, refusals) < Math.min(threshold, maxAttemptsPerPair / 2)) return undefined;
    const total = group.reduce((n, pair) => n + pair.attemptCount, 0);
    const sampled = total / attempts.length;
    const busiest = busiestWindow(attempts, windowMs, () => 1);
    const busiestCount = Math.round(busiest * sampled);
    const isWeb = first.service === WEB_LOGIN;
    const isRead =
      !isWeb && refusals >= threshold && sampled * busiestWindow(attempts, windowMs, (a) => a.refused) >= threshold;
    if (!isRead && (busiestCount < threshold || first.service.clientBytes === 0)) return undefined;
    // Those that the end of the input cut off are of any size; where most are, they are all there is.
    const ended = attempts.filter((a) => !a.isCut);
    const sized = 2 * ended.length >= attempts.length ? ended : attempts;
    const client = median(sized.map((a) => a.clientBytes));
    const server = median(sized.map((a) => a.serverBytes));
    const alike = sized.filter((a) => near(a.clientBytes, client) && near(a.serverBytes, server)).length / sized.length;
    const service = first.service;
    const isKerberos = service === KERBEROS_LOGIN;
    if (!isRead && !isKerberos && alike < minAlike) return undefined;

    const hosts = [...groupTotals(group)].sort((a, b) => b[1] - a[1] || compareText(a[0], b[0]));
    const ports = [...new Set(group.map((pair) => pair.port))].sort((a, b) => a - b);
    const span = new TimeSpan();
    for (const pair of group) span.add(pair.firstMs, pair.lastMs);
    const effective = isRead ? refusals : isKerberos ? total : total * alike;
    const users = isRead ? usersOf(group) : 0;
    const isChatty = service.chatty && !(isRead && (users > 1 || refusals >= SURE_REFUSALS));
    const score = (effective / (effective + 9)) * (isChatty ? 0.7 : 1);
    // What was accepted before the first attempt was no guess.
    const found = group.filter((pair) => pair.refused > 0 && pair.lastAcceptedMs >= pair.firstMs);
    const duration = median(attempts.map((a) => a.durationMs));
    const perMinute = (60_000 * total) / Math.max(1000, span.lengthMs);
    const later = group.filter((pair) => Math.max(pair.lastSessionMs, pair.lastAcceptedMs) >= pair.firstMs);
    const worked = later.filter((pair) => pair.lastSessionMs >= pair.firstMs);
    const spray = group.length > 1;
    const where = spray
      ? `the ${service.name} service of ${counted(hosts.length, 'host')}`
      : `the ${service.name} service on port ${first.port}`;

    const reasons: Reason[] = [
      {
        name: 'brute-force.attempts',
        value: total,
        unit: 'connections',
        ...(isRead ? {} : { threshold }),
        sentence: `It opened ${counted(total, isRead ? 'connection' : 'short connection')} to ${where} within ${humanDuration(span.lengthMs)}.`,
      },
      {
        name: 'brute-force.rate',
        value: round(perMinute),
        unit: 'connections/min',
        sentence: `That is ${humanCount(perMinute)} a minute on average, and ${humanCount(busiestCount)} in the busiest ${humanDuration(windowMs)}.`,
      },
      {
        name: 'brute-force.alike',
        value: round(alike),
        unit: 'ratio',
        ...(isRead ? {} : { threshold: minAlike }),
        sentence: `${Number((100 * alike).toFixed(1))} % of them are alike: ${humanBytes(client)} of payload to the server and ${humanBytes(server)} back, within a quarter or 64 bytes.`,
      },
      {
        name: 'brute-force.duration',
        value: round(duration),
        unit: 'ms',
        threshold: maxAttemptMs,
        sentence: `The typical one lasted ${humanDuration(duration)}, too short for work in a session.`,
      },
    ];
    if (isRead) {
      reasons.push({
        name: 'brute-force.refusals',
        value: refusals,
        unit: 'logins',
        threshold,
        sentence: `The server refused ${counted(refusals, 'login')} in them${users === 0 ? '' : users === 1 ? ', all of one user name' : `, of about ${users} different user names`}.`,
      });
      if (users > 0)
        reasons.push({
          name: 'brute-force.users',
          value: users,
          unit: 'names',
          sentence: `About ${counted(Math.round(refusals / users), 'refused login')} came to a user name.`,
        });
    }
    if (found.length > 0) {
      const accepted = found.reduce((n, pair) => n + pair.accepted, 0);
      reasons.push({
        name: 'brute-force.accepted',
        value: accepted,
        unit: 'logins',
        sentence: `The server also accepted ${counted(accepted, 'login')} of the same source, the latest after the first refusal: a password may have been found.`,
      });
    }
    if (isWeb) {
      const refused = refusals;
      reasons.push({
        name: 'brute-force.refused',
        value: refused,
        unit: 'connections',
        sentence: `Each handed in a login to a web page, or credentials; ${refused === 0 ? 'none was refused by its status, as pages often answer a wrong password with an ordinary page' : `the server refused ${humanCount(refused)} of them`}.`,
      });
    }
    const tally = tallies.get(first.number);
    if (tally !== undefined) {
      reasons.push(
        {
          name: 'brute-force.refused',
          value: tally.refused,
          unit: 'connections',
          sentence: tally.sentence(),
        },
        {
          name: 'brute-force.names',
          value: tally.names,
          unit: 'names',
          threshold: MIN_KERBEROS_NAMES,
          sentence: `${tally.moreNames ? 'At least ' : ''}${counted(tally.names, 'user name')} ${tally.names === 1 ? 'was' : 'were'} tried; the flows show which.`,
        },
      );
    }
    if (isChatty) {
      reasons.push({
        name: 'brute-force.chatty',
        value: service.name,
        unit: '',
        sentence: `Ordinary programs also log in to ${service.name} again and again with equal shape; the score is lowered by that.`,
      });
    }
    if (worked.length > 0) {
      const sessions = worked.reduce((n, pair) => n + pair.sessions, 0);
      reasons.push({
        name: 'brute-force.session',
        value: sessions,
        unit: 'sessions',
        sentence: `The same hosts also had ${counted(sessions, 'larger or longer session')}, the latest after the first attempt: a login may have worked.`,
      });
    }
    reasons.push({
      name: 'brute-force.scope',
      value: context.isHome(first.source) ? 'inside' : 'outside',
      unit: '',
      sentence: `The source is ${context.isHome(first.source) ? 'inside' : 'outside'} the home network.`,
    });
    const onlyPort = ports.length === 1 ? ports[0] : undefined;
    return {
      kind: spray ? 'brute-force.spray' : 'brute-force.login',
      detector: bruteForceInfo.id,
      actor: first.source,
      peers: hosts.slice(0, MAX_PEERS).map(([host]) => host),
      peerCount: hosts.length,
      ...(onlyPort === undefined ? {} : { port: onlyPort }),
      protocol: tally?.isUdp === true ? 'udp' : 'tcp',
      service: service.name,
      firstMs: span.firstMs,
      lastMs: span.lastMs,
      score,
      reasons,
      flows: evidence(group, later),
      flowCount: total,
    };
  }

  /** Attempts first, and the sessions that came after them. */
  function evidence(group: readonly Pair[], later: readonly Pair[]): EvidenceFlow[] {
    return mergeEvidence([
      ...later.slice(0, 2).map(({ number }) => pool.flows(pairs.sessionEvidence[number] ?? NONE)),
      ...group.map(({ number }) => pool.flows(pairs.evidence[number] ?? NONE)),
    ]);
  }

  return {
    id: bruteForceInfo.id,
    observe,
    finish,
    saturations: (): Saturation[] => saturationsOf(bruteForceInfo.id, [pairCap, attemptCap, pool.cap]),
  };
}

/** Sides whose payload is reckoned: the columns of bytes and packets, and the packets of a login at least. */
const CLIENT = { bytes: 'initiatorBytes', packets: 'initiatorPackets', least: 5 } as const;
const SERVER = { bytes: 'responderBytes', packets: 'responderPackets', least: 4 } as const;
/** Headers of a packet, IPv4 and TCP with time stamps; and bytes of a side that went further than a handshake. */
const HEADER_BYTES = 52;
const LOGIN_BYTES = 300;

/** Payload of one side where the log counts none, about; 0 where it can't be more than a handshake. */
function reckoned(flows: FlowBatch, row: number, side: typeof CLIENT | typeof SERVER): number {
  const bytes = numberAt(flows[side.bytes], row) ?? 0;
  const packets = numberAt(flows[side.packets], row);
  if (packets === undefined) return bytes >= LOGIN_BYTES ? bytes : 0;
  return packets >= side.least ? Math.max(0, bytes - HEADER_BYTES * packets) : 0;
}

function hostCount(group: readonly Pair[]): number {
  return new Set(group.map((pair) => pair.host)).size;
}

/** True where the attempts of each pair begin before those of another have been over for `gapMs`. */
function goOn(group: readonly Pair[], gapMs: number): boolean {
  const ordered = group.toSorted((a, b) => a.firstMs - b.firstMs);
  let reachedMs = ordered[0]?.lastMs ?? 0;
  return ordered.every((pair) => {
    const isNear = pair.firstMs - reachedMs <= gapMs;
    reachedMs = Math.max(reachedMs, pair.lastMs);
    return isNear;
  });
}

const NO_GUEST = 0;
const ANONYMOUS = 1;
const GUEST = 2;

/** Services whose decoders tell what was asked for, in clear. */
const TELLING: ReadonlySet<string> = new Set(['ftp', 'smtp', 'imap', 'pop3', 'ldap']);
/** What may be or hide a login among that: the commands of one, and those by which the rest is encrypted. */
const LOGIN_COMMANDS =
  /(?:^|, )(?:auth|authenticate|login|user|pass|acct|apop|starttls|stls|bind (?!anonymous)|password|\?)/i;

/** A check whether the service is there, mail that is handed over, a look-up without a name. */
function hasNoLogin(operations: string): boolean {
  return !LOGIN_COMMANDS.test(operations);
}

/** Whether somebody signed on to SMB without a name, or was let in as a guest under one. */
function guestOf(operations: string): number {
  if (/\bsession-setup anonymous\b/.test(operations)) return ANONYMOUS;
  return /\bsession-setup guest\b/.test(operations) ? GUEST : NO_GUEST;
}

function groupTotals(group: readonly Pair[]): Map<string, number> {
  const totals = new Map<string, number>();
  for (const pair of group) totals.set(pair.host, (totals.get(pair.host) ?? 0) + pair.attemptCount);
  return totals;
}

/** The most that attempts within `windowMs` weigh together. */
function busiestWindow(attempts: readonly Attempt[], windowMs: number, weigh: (attempt: Attempt) => number): number {
  const ordered = attempts.toSorted((a, b) => a.startMs - b.startMs);
  let from = 0;
  let weight = 0;
  let most = 0;
  for (const attempt of ordered) {
    weight += weigh(attempt);
    for (
      let first = ordered[from];
      first !== undefined && attempt.startMs - first.startMs > windowMs;
      first = ordered[++from]
    )
      weight -= weigh(first);
    most = Math.max(most, weight);
  }
  return most;
}

/** How a login went, as the flow tells. */
const REFUSED = 1;
const ACCEPTED = 2;
/** So many refusals no program with an old password leaves. */
const SURE_REFUSALS = 30;

/** Logins refused in one connection: as the flow counts them from two on ('15 logins refused'), else by its outcome. */
function refusalsIn(flows: FlowBatch, row: number, outcome: number): number {
  const code = flows.operations.codes[row] as number;
  const told = code < 0 ? null : /(?:^|, )(\d{1,3}) logins refused(?:,|$)/.exec(textOf(flows.operations, code));
  if (told !== null) return Number(told[1]);
  return outcome === REFUSED ? 1 : 0;
}

/** How many user names were refused, reckoned from the bits that they fall on (Whang, Vander-Zanden and Taylor, linear counting, 1990); 0 where none is known. */
function usersOf(group: readonly Pair[]): number {
  let low = 0;
  let high = 0;
  for (const { users } of group) {
    low |= users[0];
    high |= users[1];
  }
  let empty = 64;
  for (let i = 0; i < 32; i++) empty -= ((low >>> i) & 1) + ((high >>> i) & 1);
  return Math.round(64 * Math.log(64 / Math.max(1, empty)));
}

function near(bytes: number, usual: number): boolean {
  return Math.abs(bytes - usual) <= Math.max(64, usual / 4);
}

function round(value: number): number {
  return Number(value.toPrecision(4));
}
