import {
  decodeRdpClientCore,
  decodeRdpConnect,
  decodeTpkt,
  decodeVnc,
  rdpFailureName,
  rdpProtocolNames,
  vncSecurityName,
} from '../../wire/index.ts';
import { FACT, PEEK_DONE, PEEK_FOREIGN, PEEK_MORE, type PeekContext, type StreamPeek } from './peek.ts';
import { lookAtTls, TlsFlow } from './tls.ts';

/** Remote desktops: RDP, VNC. */

class RdpFlow {
  isKnown = false;
  initiatorHasBegun = false;
  responderHasBegun = false;
  readonly tls = new TlsFlow();
}

/** RDP: who connects, what security is asked for and what is refused, then TLS; where there is none, the name of the client. */
export const rdpPeek: StreamPeek = {
  kind: 'stream',
  most: 32_768,
  keep: 16_384,
  look(context: PeekContext): number {
    const { bytes, at, end, fromInitiator } = context;
    const flow = context.state(RdpFlow);
    if (fromInitiator ? flow.initiatorHasBegun : flow.responderHasBegun) {
      if (bytes[at] === 3) return fromInitiator ? lookAtCore(context) : PEEK_DONE;
      const read = lookAtTls(context, flow.tls);
      return read === PEEK_FOREIGN ? PEEK_DONE : read;
    }
    const foreign = flow.isKnown ? PEEK_DONE : PEEK_FOREIGN;
    if (bytes[at] !== 3) return foreign;
    if (end - at < 4) return PEEK_MORE;
    const tpkt = decodeTpkt(bytes, at, end);
    // The cookie is a line, and the length in front of it one byte.
    if (tpkt === undefined || tpkt.to - at > 259) return foreign;
    if (tpkt.to > end) return PEEK_MORE;
    const connect = decodeRdpConnect(bytes, at, end);
    if (connect === undefined) return foreign;
    flow.isKnown = true;
    if (fromInitiator) flow.initiatorHasBegun = true;
    else flow.responderHasBegun = true;
    const { user, requestedProtocols, failureCode, isRestrictedAdmin } = connect;
    if (user !== undefined && user !== '') {
      context.note(FACT.user, user);
      if (!context.has(FACT.login)) context.word(FACT.login, 'unknown');
    }
    if (requestedProtocols !== undefined)
      context.operation(`security ${rdpProtocolNames(requestedProtocols).join(' ')}`);
    if (isRestrictedAdmin) context.operation('restricted admin');
    if (failureCode !== undefined) context.operation(`refused ${rdpFailureName(failureCode)}`);
    return tpkt.to - at;
  },
};

/** Without TLS the client describes itself in the clear. */
function lookAtCore(context: PeekContext): number {
  const { bytes, at, end } = context;
  if (end - at < 4) return PEEK_MORE;
  const tpkt = decodeTpkt(bytes, at, end);
  if (tpkt === undefined) return PEEK_DONE;
  const core = decodeRdpClientCore(bytes, at, Math.min(end, tpkt.to));
  if (core === undefined) return tpkt.to > end ? PEEK_MORE : PEEK_DONE;
  context.note(FACT.hostname, core.clientName);
  context.note(FACT.client, `RDP build ${core.clientBuild}`);
  return PEEK_DONE;
}

const VNC_VERSION = 12;
const VNC_PASSWORD = 2;
const VNC_CHALLENGE = 16;
/** Since version 3.7 the client chooses; before, the server says. */
const CLIENT_CHOOSES = 7;

class VncFlow {
  isKnown = false;
  isServerInitiator = false;
  /** The last version that was said: the client's, which both speak. */
  minor = 0;
  major = 3;
  serverStage: 'version' | 'security' | 'result' = 'version';
  clientHasVersion = false;
  security = 0;
}

/** VNC: versions, the security that is chosen, and how a login with a password went. */
export const vncPeek: StreamPeek = {
  kind: 'stream',
  look(context: PeekContext): number {
    const { bytes, at, end, fromInitiator } = context;
    const flow = context.state(VncFlow);
    // The server speaks first, also where it is the one who connects.
    const isServer = flow.isKnown ? flow.isServerInitiator === fromInitiator : true;
    if (isServer ? flow.serverStage === 'version' : !flow.clientHasVersion) {
      if (end - at < VNC_VERSION && bytes[at] === 0x52) return PEEK_MORE;
      const version = decodeVnc(bytes, at, Math.min(end, at + VNC_VERSION), isServer)?.version;
      if (version === undefined) return flow.isKnown ? PEEK_DONE : PEEK_FOREIGN;
      if (!flow.isKnown) flow.isServerInitiator = fromInitiator;
      flow.isKnown = true;
      const [major, minor] = version.split('.').map(Number);
      flow.major = major;
      flow.minor = minor;
      if (isServer) flow.serverStage = 'security';
      else flow.clientHasVersion = true;
      context.note(fromInitiator ? FACT.client : FACT.server, `RFB ${version}`);
      return VNC_VERSION;
    }
    if (!isServer) {
      if (!hasChoice(flow)) return PEEK_DONE;
      flow.security = bytes[at];
      context.operation(`security ${vncSecurityName(flow.security)}`);
      return PEEK_DONE;
    }
    return flow.serverStage === 'security' ? lookAtVncSecurity(context, flow) : lookAtVncResult(context, flow);
  },
};

function hasChoice(flow: VncFlow): boolean {
  return flow.major > 3 || flow.minor >= CLIENT_CHOOSES;
}

function lookAtVncSecurity(context: PeekContext, flow: VncFlow): number {
  const { bytes, at, end } = context;
  flow.serverStage = 'result';
  if (hasChoice(flow)) {
    if (bytes[at] > 0) return 1 + bytes[at];
    context.operation('refused');
    return PEEK_DONE;
  }
  if (end - at < 4) {
    flow.serverStage = 'security';
    return PEEK_MORE;
  }
  flow.security = bytes[at + 3];
  context.operation(flow.security === 0 ? 'refused' : `security ${vncSecurityName(flow.security)}`);
  return flow.security === VNC_PASSWORD ? 4 : PEEK_DONE;
}

/** A challenge, and 0 where the answer to it was right. */
function lookAtVncResult(context: PeekContext, flow: VncFlow): number {
  const { bytes, at, end } = context;
  if (flow.security !== 0 && flow.security !== VNC_PASSWORD) return PEEK_DONE;
  if (end - at < VNC_CHALLENGE + 4) return PEEK_MORE;
  if (flow.security === 0) return PEEK_DONE;
  context.word(FACT.login, bytes[at + VNC_CHALLENGE + 3] === 0 ? 'accepted' : 'refused');
  return PEEK_DONE;
}
