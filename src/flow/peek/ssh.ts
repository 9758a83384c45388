import {
  decodeSshBanner,
  decodeSshKexInit,
  isSshSuccess,
  SSH_KEXINIT,
  SSH_NEWKEYS,
  type SshFraming,
  type SshKexInit,
  sshFramingToClient,
} from '../../wire/index.ts';
import { FACT, PEEK_DONE, PEEK_FOREIGN, PEEK_MORE, type PeekContext, type StreamPeek } from './peek.ts';

/** Other lines that a server may send before its version. */
const PREAMBLE = 4096;
/** Packets of more bytes need not be taken, RFC 4253 section 6.1. */
const MAX_PACKET = 35_000;
/** Length, padding length, number of the message. */
const HEADER = 6;
/** OpenSSH asks three times for a password, sshd ends after six refusals, tools for guessing go on as long as they are let. What is no login after so many answers is a session. */
const MOST_TURNS = 64;
/**
 * Longest packet, without its MAC, in which a password is handed in by tools: 40 bytes beside the name and the password. Where a request is longer it may offer a key, of which a client with five tries five,
 * or come from OpenSSH, which pads passwords; so many of these are one try.
 */
const MOST_PLAIN_REQUEST = 112;

const BANNER = 0;
const KEY_EXCHANGE = 1;
const ENCRYPTED = 2;

/** What is known of a connection, until its login is through. */
class SshFlow {
  /** Of the initiator and the responder: how far each is. */
  readonly stage = [BANNER, BANNER];
  readonly proposal: (SshKexInit | undefined)[] = [undefined, undefined];
  framing: SshFraming | undefined;
  /** Requests of the client, each with the last that the server said before the next; 0 bytes until it says something. Notices and messages to be ignored may stand before it. */
  turns = 0;
  answer = 0;
  /** Bytes on the wire of the request at hand, of the first that asks for a login, and of the longest of them that was refused. */
  request = 0;
  firstRequest = 0;
  longestRequest = 0;
  /** The same of the answer that says no: the first one to a request for a login. */
  refusal = 0;
  /** How often that came: in all, to requests of the size of a password alone, to longer ones; and answers of other sizes. */
  refusals = 0;
  plain = 0;
  long = 0;
  others = 0;
  /** The latter since that came last. */
  othersSince = 0;
  /** Nothing more is to be learnt. */
  isOver = false;
}

/**
 * SSH: the version line of each side as it stands, and how the login went, which is told by lengths alone. The server answers each request for a login (RFC 4252) in turn, before anything else is said: 'no' with the methods
 * that are left, always in the same number of bytes, or 'yes' in the shortest packet there is, whose size follows from the algorithms that both proposed in the clear. Nothing is decrypted.
 *
 * A client begins by asking without a password ('none') to learn the methods; that first refusal is not counted where what follows is longer. Where a server says yes in one segment with what comes next the outcome stays unknown.
 */
export const sshPeek: StreamPeek = {
  kind: 'stream',
  look(context: PeekContext): number {
    const flow = context.state(SshFlow);
    const side = context.fromInitiator ? 0 : 1;
    const stage = flow.stage[side];
    if (stage === BANNER) return lookAtBanner(context, flow, side);
    return stage === KEY_EXCHANGE ? lookAtKeyExchange(context, flow, side) : lookAtLogin(context, flow);
  },
  finish(context: PeekContext): void {
    const flow = context.knownState(SshFlow);
    if (flow === undefined || flow.isOver) return;
    const { others } = flow;
    settle(context, flow);
    // A server that has had enough of it says so and goes.
    if (others === 0 && flow.others === 1 && flow.refusals > 1) countRefusal(flow);
    // What goes on after the last refusal is a session whose beginning was missed; a question that stays open, or a farewell, is one answer.
    if (flow.isOver || flow.othersSince > 1) return;
    const refused = refusedIn(flow) + (flow.long > 0 ? 1 : 0);
    if (refused < 1 || flow.refusals < 2) return;
    context.word(FACT.login, 'refused');
    tellRefused(context, refused);
  },
};

/** Bytes that are none of the protocol: done where the other side has shown that it is, else it is another. */
function known(context: PeekContext): number {
  return context.has(FACT.client) || context.has(FACT.server) ? PEEK_DONE : PEEK_FOREIGN;
}

function lookAtBanner(context: PeekContext, flow: SshFlow, side: number): number {
  const { bytes, at, end, fromInitiator } = context;
  const banner = decodeSshBanner(bytes, at, end);
  if (banner === undefined) {
    if (bytes.subarray(at, end).includes(0) || end - at >= PREAMBLE) return known(context);
    return PEEK_MORE;
  }
  const { protocol, software, comment } = banner;
  const text = `SSH-${protocol}-${software}${comment === '' ? '' : ` ${comment}`}`;
  context.note(fromInitiator ? FACT.client : FACT.server, text);
  // Version 1 has other packets.
  if (protocol !== '2.0' && protocol !== '1.99') return PEEK_DONE;
  flow.stage[side] = KEY_EXCHANGE;
  return banner.to - at;
}

/** Packets in the clear, up to the one that says that the next is encrypted. */
function lookAtKeyExchange(context: PeekContext, flow: SshFlow, side: number): number {
  const { bytes, at, end } = context;
  if (end - at < HEADER) return PEEK_MORE;
  const length = ((bytes[at] << 24) | (bytes[at + 1] << 16) | (bytes[at + 2] << 8) | bytes[at + 3]) >>> 0;
  if (length < 2 || length > MAX_PACKET) return PEEK_DONE;
  const message = bytes[at + 5];
  if (message === SSH_KEXINIT) {
    if (at + 4 + length > end) return PEEK_MORE;
    const proposal = decodeSshKexInit(bytes, at, end);
    if (proposal === undefined) return PEEK_DONE;
    flow.proposal[side] = proposal;
    const [client, server] = flow.proposal;
    if (client !== undefined && server !== undefined) {
      flow.framing = sshFramingToClient(client, server);
      flow.proposal.fill(undefined);
      if (flow.framing === undefined) {
        flow.isOver = true;
        return PEEK_DONE;
      }
    }
  } else if (message === SSH_NEWKEYS) flow.stage[side] = ENCRYPTED;
  return 4 + length;
}

/** A segment of one side, which at this stage is a packet: each waits for the other's. */
function lookAtLogin(context: PeekContext, flow: SshFlow): number {
  const size = context.end - context.at;
  if (context.fromInitiator) {
    if (flow.turns === 0 || flow.answer > 0) {
      settle(context, flow);
      flow.turns++;
      flow.answer = 0;
      flow.request = size;
    } else flow.request += size;
    if (flow.framing === undefined || flow.turns > MOST_TURNS) flow.isOver = true;
  } else if (flow.turns > 0) flow.answer = size;
  // What a server says before it is asked, behind its keys, are its extensions.
  return flow.isOver ? PEEK_DONE : size;
}

/** What the server said last to the request at hand is its answer. */
function settle(context: PeekContext, flow: SshFlow): void {
  const { framing, answer, request } = flow;
  // The first request asks for the service of logins.
  if (framing === undefined || answer === 0 || flow.turns < 2) return;
  if (isSshSuccess(framing, answer)) {
    flow.isOver = true;
    context.word(FACT.login, 'accepted');
    tellRefused(context, refusedIn(flow));
    return;
  }
  if (flow.refusal === 0) {
    flow.refusal = answer;
    flow.firstRequest = request;
  }
  if (answer === flow.refusal) countRefusal(flow);
  else {
    flow.others++;
    flow.othersSince++;
  }
}

/** The request at hand was refused. */
function countRefusal(flow: SshFlow): void {
  const { framing, request } = flow;
  flow.refusals++;
  flow.othersSince = 0;
  flow.longestRequest = Math.max(flow.longestRequest, request);
  if (request - (framing?.macBytes ?? 0) <= MOST_PLAIN_REQUEST) flow.plain++;
  else flow.long++;
}

/** Passwords that were refused, without the request that only asks what there is. */
function refusedIn({ plain, firstRequest, longestRequest }: SshFlow): number {
  return plain > 0 && firstRequest < longestRequest ? plain - 1 : plain;
}

function tellRefused(context: PeekContext, refused: number): void {
  if (refused > 1) context.operation(`${refused} logins refused`);
}
