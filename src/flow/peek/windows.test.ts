import { describe, expect, it } from 'vitest';
import { NO_TIMEOUTS } from '../../../test/support/capture.ts';
import {
  type ConversationOptions,
  client,
  conversation,
  inTurn,
  server,
  type Turn,
} from '../../../test/support/conversation.ts';
import { FlowLab, flowsFrom, type TestFrame, tcp } from '../../../test/support/frames.ts';
import { sidesOf } from '../../../test/support/sides.ts';
import { Random } from '../../core/index.ts';
import {
  encodeSmb2Body as body,
  encodeNetbiosRequest,
  encodeNtlm,
  encodeRpc,
  encodeSmb,
  encodeSmb1,
  encodeSmb1Negotiate,
  encodeSmb2,
  encodeSpnegoNtlm,
  type RpcFields,
} from '../../wire/index.ts';
import type { FlowRecord } from '../schema.ts';

const ACCESS_DENIED = 0xc0000022;
const LOGON_FAILURE = 0xc000006d;
const MORE_PROCESSING_REQUIRED = 0xc0000016;
const SVCCTL = '367abb81-9844-35f1-ad32-98f038001003';
const FILE = '11'.repeat(16);
const PIPE = '22'.repeat(16);

type Facts = Pick<
  FlowRecord,
  'service' | 'serviceBasis' | 'user' | 'login' | 'hostname' | 'client' | 'server' | 'operations'
>;

/** What the peeks found, of all columns; what is missing is undefined. */
function facts(flow: FlowRecord | undefined): { [K in keyof Facts]: Facts[K] | undefined } {
  const { service, serviceBasis, user, login, hostname, client: c, server: s, operations } = flow ?? {};
  return { service, serviceBasis, user, login, hostname, client: c, server: s, operations };
}

const factsOf = (port: number, turns: readonly Turn[], options: ConversationOptions = {}) =>
  facts(flowsFrom(conversation(port, turns, options))[0]);
const operationsOf = (port: number, turns: readonly Turn[]): unknown => factsOf(port, turns).operations;

type Smb2Fields = Parameters<typeof encodeSmb2>[0];

const smb = (fields: Smb2Fields): Uint8Array => encodeSmb(encodeSmb2(fields));
const ask = (command: number, messageId: number, content: Uint8Array, treeId = 0): Turn =>
  client(smb({ command, messageId, treeId, body: content }));
const answer = (command: number, messageId: number, content: Uint8Array, status = 0, treeId = 0): Turn =>
  server(smb({ command, messageId, treeId, isResponse: true, status, body: content }));
const refuse = (command: number, messageId: number, status: number): Turn =>
  answer(command, messageId, Uint8Array.of(9, 0, 0, 0, 0, 0, 0, 0), status);

const NEGOTIATE = [
  ask(0, 0, body.negotiate([0x0302, 0x0311])),
  answer(0, 0, body.negotiateResponse(0x0311, new Uint8Array(0))),
];

/** The three legs of NTLM in two round trips, and how it ends. */
function signOn(user: string, messageId: number, status = 0): Turn[] {
  const windows = [10, 0, 19041] as const;
  const challenge = encodeNtlm({ type: 'challenge', target: 'CORP', osVersion: [10, 0, 17763] });
  const authenticate = encodeNtlm({
    type: 'authenticate',
    domain: 'CORP',
    user,
    workstation: 'WS1',
    osVersion: windows,
  });
  return [
    ask(1, messageId, body.sessionSetup(encodeSpnegoNtlm(encodeNtlm({ type: 'negotiate', osVersion: windows })))),
    answer(1, messageId, body.sessionSetupResponse(encodeSpnegoNtlm(challenge)), MORE_PROCESSING_REQUIRED),
    ask(1, messageId + 1, body.sessionSetup(encodeSpnegoNtlm(authenticate))),
    status === 0
      ? answer(1, messageId + 1, body.sessionSetupResponse(new Uint8Array(0)))
      : refuse(1, messageId + 1, status),
  ];
}

function tree(path: string, messageId: number, treeId: number): Turn[] {
  return [
    ask(3, messageId, body.treeConnect(path)),
    answer(3, messageId, body.treeConnectResponse(path.endsWith('IPC$') ? 2 : 1), 0, treeId),
  ];
}

function open(name: string, messageId: number, treeId: number, file: string, disposition = 1): Turn[] {
  return [
    ask(5, messageId, body.create(name, disposition), treeId),
    answer(5, messageId, body.createResponse(file), 0, treeId),
  ];
}

function call(fields: Partial<RpcFields>, messageId: number, treeId: number): Turn[] {
  const request = encodeRpc({ type: 'request', callId: messageId, ...fields });
  const response = encodeRpc({ type: 'response', callId: messageId, contextId: 0, stub: new Uint8Array(24) });
  return [
    ask(11, messageId, body.transceive(PIPE, request), treeId),
    answer(11, messageId, body.transceiveResponse(PIPE, response), 0, treeId),
  ];
}

const bind = (uuid: string): Uint8Array => encodeRpc({ type: 'bind', contexts: [{ id: 0, uuid }] });
const BIND_ACK = encodeRpc({ type: 'bind_ack', contexts: [{ id: 0, uuid: SVCCTL }], secondaryAddress: '\\PIPE\\x' });

/** NDR arguments: a handle, then conformant varying strings (C706 14.3.4.2). */
function strings(...texts: string[]): Uint8Array {
  const out: number[] = new Array<number>(20).fill(0);
  const u32 = (n: number): void => void out.push(n & 255, (n >> 8) & 255, 0, 0);
  for (const text of texts) {
    u32(text.length + 1);
    u32(0);
    u32(text.length + 1);
    for (const c of `${text}\0`) out.push(c.charCodeAt(0), 0);
    while (out.length % 4 !== 0) out.push(0);
  }
  return Uint8Array.from(out);
}

/** A program is copied to a computer and started there as a service, all in one connection: PsExec. */
const REMOTE_SERVICE: readonly Turn[] = [
  ...NEGOTIATE,
  ...signOn('alice', 1),
  ...tree('\\\\10.0.0.1\\ADMIN$', 3, 1),
  ...open('PSEXESVC.exe', 4, 1, FILE, 2),
  ask(9, 5, body.write(FILE, new Uint8Array(700)), 1),
  ...tree('\\\\10.0.0.1\\IPC$', 6, 2),
  ...open('svcctl', 7, 2, PIPE),
  ask(9, 8, body.write(PIPE, bind(SVCCTL)), 2),
  ask(8, 9, body.read(PIPE, 1024), 2),
  answer(8, 9, body.readResponse(BIND_ACK), 0, 2),
  ...call({ contextId: 0, operation: 15, stub: strings('\\\\10.0.0.1') }, 10, 2),
  ...call({ contextId: 0, operation: 12, stub: strings('PSEXESVC', '"%SystemRoot%\\PSEXESVC.exe" -p secret') }, 11, 2),
  ...call({ contextId: 0, operation: 19, stub: strings() }, 12, 2),
  ...call({ contextId: 0, operation: 0, stub: strings() }, 13, 2),
];
const REMOTE_SERVICE_FACTS = {
  service: 'smb',
  serviceBasis: 'content',
  user: 'CORP\\alice',
  login: 'accepted',
  hostname: 'WS1',
  client: 'Windows 10.0.19041',
  server: 'Windows 10.0.17763',
  operations:
    'negotiate SMB 3.1.1, session-setup ntlmv2, tree \\\\10.0.0.1\\ADMIN$, create ADMIN$\\PSEXESVC.exe, write ADMIN$\\PSEXESVC.exe, tree \\\\10.0.0.1\\IPC$, pipe svcctl, svcctl:OpenSCManagerW, svcctl:CreateServiceW, service PSEXESVC, program "%SystemRoot%\\PSEXESVC.exe", svcctl:StartServiceW',
};

describe('SMB', () => {
  it('a remote service is told in order: dialect, sign-on, share, file, pipe, calls, and no arguments of the program', () => {
    expect(factsOf(445, REMOTE_SERVICE)).toEqual(REMOTE_SERVICE_FACTS);
  });

  it('is told alike wherever its messages are cut into segments', () => {
    const longest = Math.max(...REMOTE_SERVICE.map(({ bytes }) => bytes.length));
    const lab = new FlowLab({ ...NO_TIMEOUTS, maxFlows: 2048 });
    for (let at = 1; at < longest; at++)
      lab.take(conversation(445, REMOTE_SERVICE, { port: 10_000 + at, cut: (length) => (at < length ? [at] : []) }));
    const flows = lab.finish();
    expect(flows.length).toBe(longest - 1);
    for (const flow of flows)
      expect(facts(flow), `cut at ${(flow.initiatorPort ?? 0) - 10_000}`).toEqual(REMOTE_SERVICE_FACTS);
  });

  it('is told alike byte by byte, and on another port', () => {
    expect(factsOf(445, REMOTE_SERVICE, { cut: (length) => new Array<number>(length).fill(1) })).toEqual(
      REMOTE_SERVICE_FACTS,
    );
    expect(factsOf(8080, REMOTE_SERVICE)).toEqual(REMOTE_SERVICE_FACTS);
  });

  it('what follows a file of megabytes is seen, in small and in large segments', () => {
    const bulk = Array.from({ length: 8 }, (_, i) => ask(9, 10 + i, body.write(FILE, new Uint8Array(500_000)), 1));
    const start = [...NEGOTIATE, ...tree('\\\\h\\C$', 3, 1), ...open('a.bin', 4, 1, FILE, 2)];
    const turns = [...start, ...bulk, ...tree('\\\\h\\IPC$', 20, 2), ...open('atsvc', 21, 2, PIPE)];
    const expected =
      'negotiate SMB 3.1.1, tree \\\\h\\C$, create C$\\a.bin, write C$\\a.bin, tree \\\\h\\IPC$, pipe atsvc';
    for (const size of [1460, 8192, 65_000]) {
      const cut = (length: number): number[] => new Array<number>(Math.floor(length / size)).fill(size);
      expect(factsOf(445, turns, { cut }).operations, `${size}`).toBe(expected);
    }
  });

  it('no message is lost that comes in one large segment with the end of another', () => {
    // The first bytes of a message are kept; the rest of it comes with more than can be kept.
    const messages = Array.from({ length: 400 }, (_, i) => ask(14, 10 + i, new Uint8Array(32), 1).bytes);
    const all = [...messages, ask(3, 500, body.treeConnect('\\\\h\\last')).bytes];
    const joined = Uint8Array.from(all.flatMap((bytes) => [...bytes]));
    for (const first of [1, 50, 2000])
      expect(operationsOf(445, [client(joined.subarray(0, first)), client(joined.subarray(first))])).toBe(
        'tree \\\\h\\last',
      );
  });

  it('reads no more than a part of a connection that goes on for ever', () => {
    const turns = Array.from({ length: 2000 }, (_, i) => ask(14, 10 + i, new Uint8Array(32), 1));
    const flow = factsOf(445, [...NEGOTIATE, ...turns, ...tree('\\\\h\\late', 3000, 1)]);
    expect(flow.operations).toBe('negotiate SMB 3.1.1');
  });

  it('refused sign-ons are told with the user and the status, and the outcome is that of the first user', () => {
    expect(factsOf(445, [...NEGOTIATE, ...signOn('alice', 1, LOGON_FAILURE), ...signOn('bob', 3)])).toMatchObject({
      user: 'CORP\\alice',
      login: 'refused',
      operations:
        'negotiate SMB 3.1.1, session-setup ntlmv2, session-setup CORP\\alice STATUS_LOGON_FAILURE, session-setup ntlmv2 CORP\\bob',
    });
    expect(factsOf(445, [...NEGOTIATE, ...signOn('alice', 1, LOGON_FAILURE), ...signOn('alice', 3)]).login).toBe(
      'accepted',
    );
    expect(factsOf(445, [...NEGOTIATE, ...signOn('alice', 1).slice(0, 3)]).login).toBe('unknown');
  });

  it('an anonymous session is no login', () => {
    const token = encodeNtlm({ type: 'authenticate', response: 'anonymous' });
    const turns = [
      ...NEGOTIATE,
      ask(1, 1, body.sessionSetup(token)),
      answer(1, 1, body.sessionSetupResponse(new Uint8Array(0), 2)),
    ];
    expect(factsOf(445, turns)).toMatchObject({
      user: undefined,
      login: undefined,
      operations: 'negotiate SMB 3.1.1, session-setup anonymous',
    });
  });

  it('what was refused is told with its status, whole behind a long name', () => {
    const long = `${'x'.repeat(200)}.exe`;
    const turns = [
      ask(3, 1, body.treeConnect('\\\\h\\ADMIN$')),
      refuse(3, 1, ACCESS_DENIED),
      ...tree('\\\\h\\C$', 2, 1),
      ask(5, 3, body.create(long), 1),
      refuse(5, 3, ACCESS_DENIED),
    ];
    const operations = String(operationsOf(445, turns)).split(', ');
    expect(operations.slice(0, 3)).toEqual([
      'tree \\\\h\\ADMIN$',
      'tree \\\\h\\ADMIN$ STATUS_ACCESS_DENIED',
      'tree \\\\h\\C$',
    ]);
    expect(operations[4]).toMatch(/^open C\$\\x+… STATUS_ACCESS_DENIED$/);
    expect(operations[4]!.length).toBe(80);
  });

  it('the names of files leave room for what comes after them', () => {
    const files = Array.from({ length: 30 }, (_, i) => open(`f${i}`, 10 + i, 1, FILE)).flat();
    const turns = [...tree('\\\\h\\C$', 2, 1), ...files, ...tree('\\\\h\\IPC$', 50, 2), ...open('winreg', 51, 2, PIPE)];
    expect(operationsOf(445, turns)).toBe(
      'tree \\\\h\\C$, open C$\\f0, open C$\\f1, open C$\\f2, open C$\\f3, open C$\\f4, tree \\\\h\\IPC$, pipe winreg',
    );
  });

  it('renames and deletions are told', () => {
    const turns = [
      ...tree('\\\\h\\C$', 2, 1),
      ...open('a.doc', 3, 1, FILE),
      ask(17, 4, body.rename(FILE, 'a.locked'), 1),
    ];
    expect(operationsOf(445, turns)).toBe('tree \\\\h\\C$, open C$\\a.doc, rename C$\\a.doc to a.locked');
  });

  it('one new ending behind those of ten documents is told once, an ordinary one never', () => {
    const renamed = (n: number, to: (i: number) => string): string =>
      String(
        operationsOf(445, [
          ...tree('\\\\h\\data', 2, 1),
          ...Array.from({ length: n }, (_, i) => [
            ...open(`f${i}.docx`, 10 + 3 * i, 1, FILE),
            ask(17, 12 + 3 * i, body.rename(FILE, to(i)), 1),
          ]).flat(),
        ]),
      )
        .split(', ')
        .filter((operation) => operation.startsWith('ending'))
        .join();
    expect(renamed(10, (i) => `sub\\f${i}.docx.Locked`)).toBe('ending .locked on 10 files');
    expect(renamed(12, (i) => `f${i}.xlsx.id-1.ABC`)).toBe('ending .id-1.abc on 10 files');
    expect(renamed(9, (i) => `f${i}.docx.locked`)).toBe('');
    expect(renamed(12, () => 'f.docx.locked')).toBe('');
    for (const ending of ['.bak', '.tmp', '.gz', '.1', '']) expect(renamed(12, (i) => `f${i}.docx${ending}`)).toBe('');
    // Endings that all differ are no mark of one program.
    expect(renamed(12, (i) => `f${i}.docx.x${i}y`)).toBe('');
  });

  it('a comma in a name cannot look like another operation', () => {
    const turns = [...tree('\\\\h\\C$', 2, 1), ...open('a,  svcctl:CreateServiceW, b', 3, 1, FILE)];
    expect(operationsOf(445, turns)).toBe('tree \\\\h\\C$, open C$\\a,svcctl:CreateServiceW,b');
  });

  it('an encrypted session says so and is not read further', () => {
    const hidden = Uint8Array.from([0xfd, 0x53, 0x4d, 0x42, ...new Array<number>(60).fill(7)]);
    const turns = [
      ...NEGOTIATE,
      ...signOn('alice', 1),
      client(encodeSmb(hidden)),
      server(encodeSmb(hidden)),
      ...tree('\\\\h\\X', 9, 1),
    ];
    expect(operationsOf(445, turns)).toBe('negotiate SMB 3.1.1, session-setup ntlmv2, encrypted');
  });

  it('a NetBIOS session tells who calls whom, and is SMB', () => {
    const turns = [
      client(encodeNetbiosRequest('DC1', 0x20, 'WS1', 0)),
      server(Uint8Array.of(0x82, 0, 0, 0)),
      client(encodeSmb(encodeSmb1Negotiate(['PC NETWORK PROGRAM 1.0', 'NT LM 0.12']))),
      server(encodeSmb(encodeSmb1({ command: 0x72, isResponse: true, words: Uint8Array.of(1, 0) }))),
    ];
    expect(factsOf(139, turns)).toMatchObject({
      service: 'smb',
      hostname: 'WS1',
      operations: 'session DC1<20>, negotiate SMB 1 (NT LM 0.12)',
    });
    expect(operationsOf(139, [turns[0]!, server(Uint8Array.of(0x83, 0, 0, 1, 0x80))])).toBe(
      'session DC1<20>, session refused',
    );
  });

  it('SMB1 that no common dialect is found for', () => {
    const turns = [
      client(encodeSmb(encodeSmb1Negotiate(['NT LM 0.12']))),
      server(encodeSmb(encodeSmb1({ command: 0x72, isResponse: true, words: Uint8Array.of(255, 255) }))),
    ];
    expect(operationsOf(445, turns)).toBe('negotiate refused');
  });

  it('the probe for MS17-010 is told with its answer', () => {
    // TRANSACTION on \PIPE\ with set-up words PEEK_NMPIPE and file 0 (MS-CIFS 2.2.4.33).
    const words = new Uint8Array(32);
    words.set([2, 0, 0x23], 26);
    const name = Uint8Array.from('\\PIPE\\\0', (c) => c.charCodeAt(0));
    const wide = Uint8Array.from([0, ...[...name].flatMap((c) => [c, 0])]);
    const turns = [
      client(encodeSmb(encodeSmb1({ command: 0x25, multiplexId: 65, words, data: wide }))),
      server(encodeSmb(encodeSmb1({ command: 0x25, multiplexId: 65, isResponse: true, status: 0xc0000205 }))),
    ];
    expect(operationsOf(445, turns)).toBe('TRANS_PEEK_NMPIPE, TRANS_PEEK_NMPIPE STATUS_INSUFF_SERVER_RESOURCES');
  });

  it('other bytes on port 445 are no SMB', () => {
    expect(factsOf(445, [client(Uint8Array.from('hello world, hello world', (c) => c.charCodeAt(0)))])).toMatchObject({
      serviceBasis: 'port',
      operations: undefined,
    });
  });
});

describe('real SMB connections', () => {
  const length = (bytes: Uint8Array, at: number): number =>
    4 + (((bytes[at + 1] ?? 0) << 16) | ((bytes[at + 2] ?? 0) << 8) | (bytes[at + 3] ?? 0));
  const real = (name: string) => factsOf(445, inTurn(sidesOf(name), length));

  it('a session enumeration', () => {
    // tshark -r empire_getsession*.cap -Y 'tcp.stream==5': Tree Connect \\MORDORDC\IPC$, Create srvsvc, NetSessEnum (opnum 12); Kerberos sname cifs/MORDORDC
    expect(real('smb3-session-enumeration')).toEqual({
      service: 'smb',
      serviceBasis: 'content',
      user: undefined,
      login: 'accepted',
      hostname: undefined,
      client: undefined,
      server: undefined,
      operations:
        'negotiate SMB 3.1.1, session-setup kerberos cifs/MORDORDC, tree \\\\MORDORDC\\IPC$, pipe srvsvc, srvsvc:NetrSessionEnum',
    });
  });

  it('SMB1 with NTLM, pipes and a guest', () => {
    // tshark -r raw_ntlm_in_smb.pcap -Y 'tcp.stream==2' -T fields -e ntlmssp.auth.domain -e ntlmssp.auth.username -e ntlmssp.auth.hostname -e smb.path -e smb.file
    expect(real('smb1-lsarpc')).toMatchObject({
      user: 'TEST-F7DFBC3FE9\\test',
      login: 'accepted',
      hostname: 'BABYBOOK',
      client: 'Windows 6.1.7600',
      server: 'Windows 5.1.2600',
      operations: expect.stringContaining(
        'negotiate SMB 1 (NT LM 0.12), session-setup ntlmv2, session-setup guest, tree \\\\192.168.56.101\\IPC$, pipe srvsvc, srvsvc:NetrShareEnum, tree \\\\192.168.56.101\\MY PICTURES, pipe lsarpc, lsarpc:LsarGetUserName, lsarpc:LsarOpenPolicy2, lsarpc:LsarLookupNames, pipe mdssvc, pipe mdssvc STATUS_OBJECT_NAME_NOT_FOUND',
      ),
    });
  });

  it('SMB1 of Windows 2000 with Kerberos, and of Samba without NTLMSSP', () => {
    // tshark -r smb_gssapi.pcap -V: Native OS 'Windows 2002 Service Pack 2 2600', LAN manager 'Windows 2002 5.1'; 'Windows 5.0', 'Windows 2000 LAN Manager'
    expect(real('smb1-kerberos')).toMatchObject({
      login: 'accepted',
      client: 'Windows 2002 Service Pack 2 2600, Windows 2002 5.1',
      server: 'Windows 5.0, Windows 2000 LAN Manager',
      operations: 'negotiate SMB 1 (NT LM 0.12), session-setup kerberos cifs/EDISK03A.housing.hksarg',
    });
    // tshark -r smb-smbclient.pcap -V: Account user, Primary Domain WORKGROUP, Native OS Unix, Samba 3.6.3, path \\LOCALHOST\MP3, file \tmp\foo
    expect(real('smb1-samba')).toMatchObject({
      user: 'WORKGROUP\\user',
      login: 'accepted',
      client: 'Unix, Samba 3.6.3',
      server: 'Unix, Samba 3.6.3',
      operations:
        'negotiate SMB 1 (NT LANMAN 1.0), session-setup without NTLMSSP, session-setup guest, tree \\\\LOCALHOST\\MP3, open MP3\\tmp\\foo',
    });
  });

  it('SMB2 with shares and directories', () => {
    // tshark -r smb2_krb.pcap -Y smb2 -T fields -e smb2.tree -e smb2.filename: lustre, then IPC$ and srvsvc (NetShareGetInfo), then lustre again
    expect(real('smb2-kerberos').operations).toMatch(
      /^negotiate SMB 2\.1, session-setup kerberos cifs\/phxlabbal821\.techlab\.susq\.com, tree \\\\phxlabbal821\\lustre, .*tree \\\\phxlabbal821\\IPC\$, pipe srvsvc, srvsvc:NetrShareGetInfo/,
    );
  });

  it('truncated and mutated connections never throw, and cut at any segment size they are told alike', () => {
    const random = new Random(7);
    for (const name of ['smb1-lsarpc', 'smb1-samba', 'smb3-session-enumeration', 'smb3-ipc']) {
      const turns = inTurn(sidesOf(name), length);
      const whole = factsOf(445, turns);
      for (const size of [1, 7, 100, 1460])
        expect(factsOf(445, turns, { cut: (n) => new Array<number>(Math.floor(n / size)).fill(size) }), name).toEqual(
          whole,
        );
      harmless(445, turns, random);
    }
  });
});

/** Changes, leaves out and cuts turns; flows must come of it without an exception, and bounded. */
function harmless(port: number, turns: readonly Turn[], random: Random): void {
  const lab = new FlowLab({ ...NO_TIMEOUTS, maxFlows: 512 });
  for (let i = 0; i < 60; i++) {
    const changed = turns
      .filter(() => random.below(12) > 0)
      .map(({ from, bytes }) => {
        const copy = bytes.slice(0, random.below(6) === 0 ? random.below(bytes.length) : bytes.length);
        for (let n = random.below(5); n > 0 && copy.length > 0; n--)
          copy[random.below(copy.length)] = random.below(256);
        return { from, bytes: copy };
      });
    lab.take(conversation(port, changed, { port: 20_000 + i, cut: (length) => [random.below(length + 1)] }));
  }
  const flows = lab.finish();
  expect(flows.length).toBeGreaterThanOrEqual(60);
  for (const flow of flows) expect((flow.operations ?? '').length).toBeLessThanOrEqual(16 * 82);
}

describe('DCE-RPC over TCP', () => {
  const length = (bytes: Uint8Array, at: number): number => (bytes[at + 8] ?? 0) | ((bytes[at + 9] ?? 0) << 8);
  const real = (name: string, port: number) => factsOf(port, inTurn(sidesOf(name), length));
  const request = (operation: number, callId: number, stub: Uint8Array = new Uint8Array(0)): Turn =>
    client(encodeRpc({ type: 'request', callId, contextId: 0, operation, stub }));

  it('DCSync: the port is asked for, and changes are got', () => {
    // tshark -r covenant_dcsync*.cap -Y 'tcp.stream==1 or tcp.stream==2': Map request DRSUAPI; DsBind, DsGetDomainControllerInfo, DsCrackNames, DsGetNCChanges, DsUnbind
    expect(real('rpc-dcsync-mapper', 135).operations).toBe('epmapper:ept_map drsuapi');
    expect(real('rpc-dcsync', 49_674)).toMatchObject({
      service: 'dcerpc',
      serviceBasis: 'content',
      login: 'accepted',
      operations: 'drsuapi:DsBind, drsuapi:DsDomainControllerInfo, drsuapi:DsCrackNames, drsuapi:DsGetNCChanges',
    });
  });

  it('a process that is started by WMI', () => {
    // tshark -r empire_wmi*WORKSTATION5*.cap -Y 'tcp.stream==5 and dcerpc.pkt_type==0' -T fields -e dcerpc.opnum: 3 5 3 3 3 6 ... 24 on 9556dc99 (IWbemServices)
    expect(real('rpc-wmi', 50_937).operations).toBe(
      'IRemUnknown2:RemQueryInterface, IWbemLoginClientID:SetClientInfo, IWbemLoginClientIDEx:SetClientInfoEx, IWbemLevel1Login:EstablishPosition, IWbemLevel1Login:NTLMLogin, IWbemServices:GetObject, IWbemServices:ExecMethod',
    );
  });

  it('the user of NTLM', () => {
    // tshark -r dce_rpc_ntlm.pcapng -Y tcp.stream==0 -T fields -e ntlmssp.auth.domain -e ntlmssp.auth.username -e ntlmssp.auth.hostname -e ntlmssp.version.build_number
    expect(real('rpc-ntlm', 58_772)).toMatchObject({
      user: 'BLACKCLOVER\\Administrator',
      login: 'unknown',
      hostname: 'CBTH-WS-1',
      client: 'Windows 10.0.18362',
      server: 'Windows 10.0.18362',
    });
  });

  it('what NTLM came to shows in the first answer', () => {
    const ntlm = encodeNtlm({
      type: 'authenticate',
      domain: 'CORP',
      user: 'bob',
      workstation: 'WS2',
      osVersion: [6, 1, 0],
    });
    const signed = encodeRpc({
      type: 'bind',
      contexts: [{ id: 0, uuid: SVCCTL }],
      auth: { type: 10, level: 2, token: ntlm },
    });
    const start = [client(signed), server(BIND_ACK), request(15, 2)];
    expect(factsOf(5000, start)).toMatchObject({ user: 'CORP\\bob', login: 'unknown', client: 'NTLM 6.1.0' });
    expect(factsOf(5000, [...start, server(encodeRpc({ type: 'response', callId: 2 }))]).login).toBe('accepted');
    const denied = [...start, server(encodeRpc({ type: 'fault', callId: 2, status: 5 }))];
    expect(factsOf(5000, denied)).toMatchObject({
      login: 'refused',
      operations: 'svcctl:OpenSCManagerW, svcctl:OpenSCManagerW rpc_s_access_denied',
    });
  });

  it('a path that a server is made to sign on to, and a task, are told', () => {
    const efsrpc = client(bind('c681d488-d850-11d0-8c52-00c04fd90f7e'));
    expect(operationsOf(135, [efsrpc, server(BIND_ACK), request(0, 2, strings('\\\\10.0.0.66\\share\\x'))])).toBe(
      'efsrpc:EfsRpcOpenFileRaw, path \\\\10.0.0.66\\share\\x',
    );
    const scheduler = client(bind('86d35949-83c9-4044-b424-db363231fd0c'));
    expect(operationsOf(135, [scheduler, server(BIND_ACK), request(1, 2, strings('\\Updater', '<Task/>'))])).toBe(
      'ITaskSchedulerService:SchRpcRegisterTask, task \\Updater',
    );
  });

  it('a refused interface is told', () => {
    // bind_nak: type 13, little-endian, 24 bytes, reason 0 (C706 12.6.4.5).
    const nak = Uint8Array.of(5, 0, 13, 3, 16, 0, 0, 0, 24, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);
    expect(operationsOf(135, [client(bind(SVCCTL)), server(nak)])).toBe('bind svcctl refused');
  });

  it('is told alike wherever it is cut, and damaged ones never throw', () => {
    const turns = inTurn(sidesOf('rpc-dcsync'), length);
    const expected = factsOf(49_674, turns);
    const lab = new FlowLab({ ...NO_TIMEOUTS, maxFlows: 2048 });
    const cuts = Array.from({ length: 700 }, (_, i) => i + 1);
    for (const at of cuts)
      lab.take(conversation(49_674, turns, { port: 10_000 + at, cut: (n) => (at < n ? [at] : []) }));
    for (const flow of lab.finish()) expect(facts(flow)).toEqual(expected);
    for (const name of ['rpc-dcsync', 'rpc-wmi', 'rpc-ntlm'])
      harmless(49_674, inTurn(sidesOf(name), length), new Random(3));
  });
});

describe('under a flood', () => {
  it('the decoder of the oldest of 4,097 connections forgets its shares, and goes on', () => {
    const lab = new FlowLab({ ...NO_TIMEOUTS, maxFlows: 8192 });
    const connect = tree('\\\\h\\IPC$', 1, 1);
    const later = open('svcctl', 2, 1, PIPE);
    const again = (port: number): TestFrame => {
      const sequence = 101 + connect[0].bytes.length;
      return tcp(50, `10.0.0.5:${port}`, '10.0.0.1:445', 'PA', { sequence, payload: later[0].bytes });
    };
    const ports = Array.from({ length: 4097 }, (_, i) => 1024 + i);
    lab.take(ports.flatMap((port) => conversation(445, connect, { port })));
    lab.take([again(3000), again(1024)]);
    const flows = lab.finish();
    const operations = (port: number) => flows.find(({ initiatorPort }) => initiatorPort === port)?.operations;
    expect(operations(3000)).toBe('tree \\\\h\\IPC$, pipe svcctl');
    expect(operations(1024)).toBe('tree \\\\h\\IPC$, open svcctl');
  });
});
