import * as wire from '../../../src/wire/index.ts';
import { type Encoded, text } from './part.ts';

/** Messages of a Windows domain. */

const NTLM = wire.encodeNtlm({
  type: 'authenticate',
  user: 'alice',
  domain: 'CORP',
  workstation: 'PC1',
  osVersion: [10, 0, 19041],
});

const NEGOTIATE = wire.encodeNtlm({ type: 'negotiate', domain: 'CORP', workstation: 'PC1' });

const KERBEROS = wire.encodeKerberos({
  type: 'AS-REQ',
  client: 'alice',
  realm: 'CORP.EXAMPLE',
  service: 'krbtgt/CORP.EXAMPLE',
  encryptionTypes: [18, 23],
  preauthentication: [2, 128],
});

const LSA = '12345778-1234-abcd-ef00-0123456789ab';

const BIND = wire.encodeRpc({ type: 'bind', contexts: [{ id: 0, uuid: LSA, version: 0 }] });

const CALL = wire.encodeRpc({
  type: 'request',
  contextId: 0,
  operation: 6,
  stub: text('\\\x00\\\x00D\x00C\x00'),
  auth: { type: 10, level: 5, token: NTLM },
});

export const WINDOWS: Readonly<Record<string, Encoded>> = {
  encodeBer: {
    udp: 389,
    client: [
      wire.encodeBer(0x30, wire.encodeBerInteger(1), wire.encodeBerText('x'), wire.encodeBerOid('1.2.840.113549')),
    ],
  },
  encodeRpc: {
    tcp: 135,
    client: [BIND, CALL],
    server: [
      wire.encodeRpc({ type: 'bind_ack', contexts: [{ id: 0, uuid: LSA }], secondaryAddress: '\\pipe\\lsass' }),
      wire.encodeRpc({ type: 'fault', status: 5 }),
    ],
  },
  encodeSpnegoNtlm: {
    tcp: 445,
    client: [
      wire.encodeSmb(
        wire.encodeSmb2({
          command: 1,
          messageId: 1,
          body: wire.encodeSmb2Body.sessionSetup(wire.encodeSpnegoNtlm(NEGOTIATE)),
        }),
      ),
    ],
  },
  encodeKerberos: {
    udp: 88,
    client: [KERBEROS],
    server: [
      wire.encodeKerberos({
        type: 'KRB-ERROR',
        realm: 'CORP.EXAMPLE',
        service: 'krbtgt/CORP.EXAMPLE',
        errorCode: 25,
        errorText: 'x',
      }),
    ],
  },
  encodeKerberosTcp: {
    tcp: 88,
    client: [wire.encodeKerberosTcp(KERBEROS)],
    server: [
      wire.encodeKerberosTcp(
        wire.encodeKerberos({
          type: 'AS-REP',
          client: 'alice',
          realm: 'CORP.EXAMPLE',
          service: 'krbtgt/CORP.EXAMPLE',
          ticketEncryption: 23,
          replyEncryption: 18,
        }),
      ),
    ],
  },
  encodeLdap: {
    tcp: 389,
    client: [
      wire.encodeLdap({ operation: 'bind-request', id: 1, name: 'cn=a', mechanism: 'GSS-SPNEGO', credentials: NTLM }),
      wire.encodeLdap({
        operation: 'search-request',
        id: 2,
        name: 'dc=corp',
        scope: 2,
        equals: ['servicePrincipalName', '*'],
        attributes: ['cn'],
      }),
    ],
    server: [
      wire.encodeLdap({ operation: 'bind-response', id: 1, result: 49, diagnostic: 'bad' }),
      wire.encodeLdap({ operation: 'search-done', id: 2, result: 0 }),
    ],
  },
  encodeNetbiosName: {
    udp: 137,
    client: [wire.encodeNetbiosName({ id: 1, question: { name: 'PC1', suffix: 0x20 } })],
    server: [
      wire.encodeNetbiosName({
        id: 1,
        isResponse: true,
        status: { name: { name: 'PC1' }, names: [{ name: 'PC1' }, { name: 'CORP' }], mac: '02:00:00:00:00:01' },
      }),
    ],
  },
  encodeNetbiosDatagram: {
    udp: 138,
    client: [
      wire.encodeNetbiosDatagram({
        source: { name: 'PC1' },
        destination: { name: 'CORP', suffix: 0x1d },
        announcement: { host: 'PC1' },
      }),
    ],
  },
  encodeNtlm: {
    udp: 9999,
    client: [NTLM, NEGOTIATE, text(`NTLM ${Buffer.from(NTLM).toString('base64')}`), text('Basic YWxpY2U6c2VjcmV0')],
  },
  encodeRdpConnect: {
    tcp: 3389,
    client: [wire.encodeRdpConnect({ kind: 'request', user: 'alice', requestedProtocols: 3 })],
    server: [wire.encodeRdpConnect({ kind: 'confirm', selectedProtocol: 2 })],
  },
  encodeRdpClientCore: {
    tcp: 3389,
    client: [
      wire.encodeRdpConnect({ kind: 'request' }),
      wire.encodeRdpClientCore({ clientName: 'PC1', clientBuild: 2600, keyboardLayout: 0x409 }),
    ],
  },
  encodeSmb: {
    tcp: 445,
    client: [
      wire.encodeSmb(wire.encodeSmb1Negotiate(['NT LM 0.12', 'SMB 2.002'])),
      wire.encodeSmb(
        wire.encodeSmb2({
          command: 3,
          messageId: 2,
          body: wire.encodeSmb2Body.treeConnect('\\\\dc\\IPC$'),
          next: { command: 1, messageId: 3, body: wire.encodeSmb2Body.sessionSetup(NTLM) },
        }),
      ),
    ],
    server: [
      wire.encodeSmb(
        wire.encodeSmb2({
          command: 0,
          isResponse: true,
          body: wire.encodeSmb2Body.negotiateResponse(0x0311, wire.encodeSpnegoNtlm(NEGOTIATE)),
        }),
      ),
    ],
  },
  encodeSmb1: {
    tcp: 139,
    client: [
      wire.encodeNetbiosRequest('SERVER', 0x20, 'PC1', 0),
      wire.encodeSmb(wire.encodeSmb1({ command: 0x73, words: new Uint8Array(24), data: NTLM })),
    ],
  },
};
