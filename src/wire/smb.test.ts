import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { asciiBytes, hexBytes } from '../../test/support/frames.ts';
import { sidesOf, survives } from '../../test/support/sides.ts';
import { encodeRpc, rpcStrings, summarizeRpc } from './dcerpc.ts';
import { decodeGss } from './gss.ts';
import { isLogonFailure, ntStatusName } from './nt-status.ts';
import { encodeNtlm } from './ntlm.ts';
import {
  encodeNetbiosRequest,
  encodeSmb,
  looksLikeSmb,
  SmbConnection,
  smbCommandName,
  smbStep,
  summarizeSmb,
  walkSmb,
} from './smb.ts';
import type { SmbMessage } from './smb-message.ts';
import { encodeSmb1, encodeSmb1Negotiate } from './smb1.ts';
import { encodeSmb2Body as body, encodeSmb2, type Smb2Fields } from './smb2.ts';
import { LittleWriter } from './windows-bytes.ts';

/** What `pick` says of each message. */
function walk<T>(bytes: Uint8Array, pick: (message: SmbMessage) => T, at = 0, end = bytes.length): T[] {
  const out: T[] = [];
  walkSmb(bytes, at, end, (message) => out.push(pick(message)));
  return out;
}

const join = (...parts: Uint8Array[]): Uint8Array => Uint8Array.from(parts.flatMap((part) => [...part]));
const smb2 = (...list: Smb2Fields[]): Uint8Array => join(...list.map((fields) => encodeSmb(encodeSmb2(fields))));

/** How often each command is in a side. */
function commands(bytes: Uint8Array): Record<string, number> {
  const count: Record<string, number> = {};
  for (const name of walk(bytes, (m) => `${m.version}:${m.command}`)) count[name] = (count[name] ?? 0) + 1;
  return count;
}

function statuses(bytes: Uint8Array): Record<string, number> {
  const count: Record<string, number> = {};
  for (const status of walk(bytes, (m) => (m.version === 2 && m.chainIndex >= 0 ? m.status.toString(16) : undefined)))
    if (status !== undefined) count[status] = (count[status] ?? 0) + 1;
  return count;
}

/** One line for every message and PDU of a connection, in the order of the conversation. */
function conversation(client: Uint8Array, server: Uint8Array): string[] {
  const out: string[] = [];
  new SmbConnection().walkBoth(client, server, {
    message: (m, share, file) =>
      out.push(`${m.isResponse ? '<' : '>'} ${smbStep(m)} ${share ?? '-'} ${file?.name ?? '-'}`),
    rpc: (pdu, m, file) => {
      const strings = rpcStrings(m.isResponse ? server : client, pdu);
      out.push(`${file.name} ${summarizeRpc(pdu)}${strings.length > 0 ? `: ${strings.join(', ')}` : ''}`);
    },
  });
  return out;
}

describe('SMB', () => {
  it('commands and status codes of SMB2 with Kerberos, as tshark counts them', () => {
    // tshark -r smb2_krb.pcap -Y smb2 -T fields -E occurrence=a -e smb2.cmd -e smb2.flags.response -e smb2.nt_status, commas split
    const { client, server } = sidesOf('smb2-kerberos');
    expect(commands(client)).toEqual({
      '1:114': 1,
      '2:0': 1,
      '2:1': 1,
      '2:3': 2,
      '2:5': 13,
      '2:6': 9,
      '2:8': 1,
      '2:9': 1,
      '2:11': 2,
      '2:14': 16,
      '2:15': 1,
      '2:16': 3,
    });
    // The capture cuts frame 43, so the server's side ends in its query-directory response: the same with -Y 'tcp.srcport==445 and frame.number<=43'.
    expect(commands(server)).toEqual({
      '2:0': 2,
      '2:1': 1,
      '2:3': 2,
      '2:5': 5,
      '2:6': 1,
      '2:8': 1,
      '2:9': 1,
      '2:11': 1,
      '2:14': 1,
      '2:15': 1,
      '2:16': 1,
    });
    expect(statuses(server)).toEqual({ '0': 15, '103': 1, c0000034: 1 });
    expect(walk(server, (m) => m.isCut)).toEqual([...new Array<boolean>(16).fill(false), true]);
  });

  it('commands of SMB1, AndX chains among them, as tshark counts them', () => {
    // tshark -r raw_ntlm_in_smb.pcap -Y 'tcp.stream==2 and smb' -T fields -e smb.cmd -e smb.flags.response; 0xff ends a chain
    const { client, server } = sidesOf('smb1-lsarpc');
    expect(commands(client)).toEqual({
      '1:4': 7,
      '1:8': 1,
      '1:37': 7,
      '1:50': 17,
      '1:113': 3,
      '1:114': 1,
      '1:115': 2,
      '1:117': 4,
      '1:160': 1,
      '1:162': 11,
      '1:46': 1,
    });
    expect(commands(server)).toEqual({
      '1:4': 7,
      '1:8': 1,
      '1:37': 7,
      '1:50': 17,
      '1:113': 3,
      '1:114': 1,
      '1:115': 2,
      '1:117': 4,
      '1:162': 11,
    });
  });

  it('a session enumeration: dialect, sign-on, share, pipe and call', () => {
    // tshark -r empire_getsession*.cap -Y 'tcp.stream==5' : SRVSVC NetSessEnum request in frame 556
    const { client, server } = sidesOf('smb3-session-enumeration');
    const lines = conversation(client, server);
    expect(lines.slice(6, -6)).toEqual([
      '> tree-connect \\\\MORDORDC\\IPC$ -',
      '< tree-connect \\\\MORDORDC\\IPC$ -',
      '> ioctl \\\\MORDORDC\\IPC$ -',
      '< ioctl \\\\MORDORDC\\IPC$ -',
      '> create \\\\MORDORDC\\IPC$ srvsvc',
      '< create \\\\MORDORDC\\IPC$ srvsvc',
      '> query-info \\\\MORDORDC\\IPC$ srvsvc',
      '< query-info \\\\MORDORDC\\IPC$ -',
      '> write \\\\MORDORDC\\IPC$ srvsvc',
      'srvsvc bind srvsvc 3.0, srvsvc 3.0, srvsvc 3.0',
      '< write \\\\MORDORDC\\IPC$ -',
      '> read \\\\MORDORDC\\IPC$ srvsvc',
      '< read \\\\MORDORDC\\IPC$ srvsvc',
      'srvsvc bind_ack',
      '> ioctl \\\\MORDORDC\\IPC$ srvsvc',
      'srvsvc request srvsvc.NetrSessionEnum: MORDORDC',
      '< ioctl \\\\MORDORDC\\IPC$ srvsvc',
      'srvsvc response srvsvc.NetrSessionEnum: \\\\172.18.39.5, pgustavo',
    ]);
    const logon = walk(client, (m) => decodeGss(client, m.tokenAt, m.tokenEnd)?.kerberos?.service).filter(Boolean);
    expect(logon).toEqual(['cifs/MORDORDC']);
    expect(walk(server, (m) => m.dialect).filter(Boolean)).toEqual(['2.???', '3.1.1']);
    expect(walk(server, (m) => m.cipher).filter(Boolean)).toEqual(['AES-128-GCM']);
    expect(walk(client, (m) => m.serverName).filter(Boolean)).toEqual(['MORDORDC']);
    expect(walk(client, (m) => [...m.dialects]).filter((list) => list.length > 0)).toEqual([
      ['NT LM 0.12', 'SMB 2.002', 'SMB 2.???'],
      ['2.0.2', '2.1', '3.0', '3.0.2', '3.1.1'],
    ]);
  });

  it('LSA and shares over SMB1 pipes', () => {
    const { client, server } = sidesOf('smb1-lsarpc');
    expect(conversation(client, server).filter((line) => line.startsWith('\\'))).toEqual([
      '\\srvsvc bind srvsvc 3.0',
      '\\srvsvc bind_ack',
      '\\srvsvc request srvsvc.NetrShareEnum: 192.168.56.101',
      '\\srvsvc response srvsvc.NetrShareEnum: IPC$, Remote IPC, SharedDocs, My Pictures, ADMIN$, Remote Admin, C$, Default share',
      '\\lsarpc bind lsarpc 0.0',
      '\\lsarpc bind_ack',
      '\\lsarpc request lsarpc.LsarGetUserName: 192.168.56.101',
      '\\lsarpc response lsarpc.LsarGetUserName: Guest, TEST-F7DFBC3FE9',
      '\\lsarpc request lsarpc.LsarOpenPolicy2: 192.168.56.101',
      '\\lsarpc response lsarpc.LsarOpenPolicy2',
      '\\lsarpc request lsarpc.LsarLookupNames: TEST-F7DFBC3FE9\\Guest',
      '\\lsarpc response lsarpc.LsarLookupNames: TEST-F7DFBC3FE9',
      '\\lsarpc request lsarpc.LsarClose',
      '\\lsarpc response lsarpc.LsarClose',
    ]);
    expect(walk(client, (m) => decodeGss(client, m.tokenAt, m.tokenEnd)?.ntlm?.user).filter(Boolean)).toEqual(['test']);
    expect(walk(server, (m) => m.isGuest).filter(Boolean)).toHaveLength(1);
    expect(walk(server, (m) => m.nativeOs).filter(Boolean)).toEqual(['Windows 5.1', 'Windows 5.1']);
  });

  it('a Samba client and server: account, domain, share and file', () => {
    // tshark -r smb-smbclient.pcap -V
    const { client, server } = sidesOf('smb1-samba');
    expect(walk(client, summarizeSmb)).toEqual([
      'SMB1 negotiate PC NETWORK PROGRAM 1.0, MICROSOFT NETWORKS 1.03, MICROSOFT NETWORKS 3.0, LANMAN1.0, LM1.2X002, DOS LANMAN2.1, LANMAN2.1, Samba, NT LANMAN 1.0, NT LM 0.12',
      'SMB1 session-setup-andx WORKGROUP\\user',
      'SMB1 tree-connect-andx \\\\LOCALHOST\\MP3 ?????',
      'SMB1 echo',
      'SMB1 transaction2 TRANS2_QUERY_PATH_INFORMATION \\tmp\\',
      'SMB1 open-andx \\tmp\\foo',
      'SMB1 transaction2 TRANS2_QUERY_FILE_INFORMATION',
      'SMB1 read-andx',
      'SMB1 close',
      'SMB1 tree-disconnect',
    ]);
    expect(conversation(client, server).filter((line) => line.includes('read'))).toEqual([
      '> read \\\\LOCALHOST\\MP3 \\tmp\\foo',
      '< read \\\\LOCALHOST\\MP3 \\tmp\\foo',
    ]);
  });

  it('a service that is created and started through svcctl', () => {
    const FILE = '0102030405060708090a0b0c0d0e0f10';
    const pipe = (text: string) =>
      new LittleWriter()
        .zeros(20)
        .u32(text.length + 1)
        .u32(0)
        .u32(text.length + 1)
        .utf16(`${text}\0`)
        .finish();
    const contexts = [{ id: 0, uuid: '367abb81-9844-35f1-ad32-98f038001003', version: 2 }];
    const create = encodeRpc({ type: 'request', callId: 2, operation: 12, stub: pipe('BTOBTO') });
    const fault = encodeRpc({ type: 'fault', callId: 2, status: 5 });
    const client = join(
      encodeSmb(encodeSmb1Negotiate(['NT LM 0.12', 'SMB 2.???'])),
      smb2(
        { command: 0, messageId: 1, body: body.negotiate([0x0202, 0x0311]) },
        {
          command: 1,
          messageId: 2,
          body: body.sessionSetup(encodeNtlm({ type: 'authenticate', user: 'eve', domain: 'CORP' })),
        },
        { command: 3, messageId: 3, body: body.treeConnect('\\\\DC1\\IPC$') },
        { command: 5, messageId: 4, treeId: 9, body: body.create('svcctl') },
        { command: 9, messageId: 5, treeId: 9, body: body.write(FILE, encodeRpc({ type: 'bind', contexts })) },
        { command: 8, messageId: 6, treeId: 9, body: body.read(FILE, 1024) },
        { command: 11, messageId: 7, treeId: 9, body: body.transceive(FILE, create) },
        { command: 6, messageId: 8, treeId: 9, body: body.close(FILE) },
      ),
    );
    const answer = { isResponse: true, treeId: 9 };
    const server = smb2(
      { ...answer, command: 0, messageId: 1, body: body.negotiateResponse(0x0311, new Uint8Array(0)) },
      { ...answer, command: 1, messageId: 2, body: body.sessionSetupResponse(new Uint8Array(0)) },
      { ...answer, command: 3, messageId: 3, body: body.treeConnectResponse(2) },
      { ...answer, command: 5, messageId: 4, body: body.createResponse(FILE) },
      { ...answer, command: 9, messageId: 5, body: new LittleWriter().u16(17).zeros(15).finish() },
      { ...answer, command: 8, messageId: 6, body: body.readResponse(encodeRpc({ type: 'bind_ack', contexts })) },
      { ...answer, command: 11, messageId: 7, body: body.transceiveResponse(FILE, fault) },
      { ...answer, command: 6, messageId: 8, body: new LittleWriter().u16(60).zeros(58).finish() },
    );
    const told = [
      '> create \\\\DC1\\IPC$ svcctl',
      '< create \\\\DC1\\IPC$ svcctl',
      '> write \\\\DC1\\IPC$ svcctl',
      'svcctl bind svcctl 2.0',
      '< write \\\\DC1\\IPC$ -',
      '> read \\\\DC1\\IPC$ svcctl',
      '< read \\\\DC1\\IPC$ svcctl',
      'svcctl bind_ack',
      '> ioctl \\\\DC1\\IPC$ svcctl',
      'svcctl request svcctl.CreateServiceW: BTOBTO',
      '< ioctl \\\\DC1\\IPC$ svcctl',
      'svcctl fault svcctl.CreateServiceW rpc_s_access_denied',
      '> close \\\\DC1\\IPC$ svcctl',
      '< close \\\\DC1\\IPC$ -',
    ];
    expect(conversation(client, server).slice(-told.length)).toEqual(told);
    // Server first, then client: the client's reads and writes find their names all the same.
    const connection = new SmbConnection();
    const seen: string[] = [];
    connection.walk(server, 0, server.length, { message: () => undefined });
    connection.walk(client, 0, client.length, {
      message: () => undefined,
      rpc: (pdu, _, file) => seen.push(`${file.share} ${file.name} ${summarizeRpc(pdu)}`),
    });
    expect(seen).toEqual([
      '\\\\DC1\\IPC$ svcctl bind svcctl 2.0',
      '\\\\DC1\\IPC$ svcctl request svcctl.CreateServiceW',
    ]);
  });

  it('a PDU that goes on in the next write is told once', () => {
    const FILE = 'ab'.repeat(16);
    const contexts = [{ id: 0, uuid: '367abb81-9844-35f1-ad32-98f038001003', version: 2 }];
    const call = encodeRpc({ type: 'request', callId: 2, operation: 12, stub: new Uint8Array(500).fill(5) });
    const next = encodeRpc({ type: 'request', callId: 3, operation: 19 });
    const client = smb2(
      { command: 3, messageId: 1, body: body.treeConnect('\\\\DC1\\IPC$') },
      { command: 9, messageId: 2, body: body.write(FILE, encodeRpc({ type: 'bind', contexts })) },
      { command: 9, messageId: 3, body: body.write(FILE, call.subarray(0, 100)) },
      { command: 9, messageId: 4, body: body.write(FILE, call.subarray(100, 200)) },
      { command: 9, messageId: 5, body: body.write(FILE, join(call.subarray(200), next)) },
    );
    expect(conversation(client, new Uint8Array(0)).filter((line) => !line.startsWith('>'))).toEqual([
      'undefined bind svcctl 2.0',
      'undefined request svcctl.CreateServiceW',
      'undefined request svcctl.StartServiceW',
    ]);
  });

  it('bytes of a file on a disk share are not taken for RPC', () => {
    const FILE = 'cd'.repeat(16);
    const rpc = encodeRpc({ type: 'bind', contexts: [{ id: 0, uuid: '367abb81-9844-35f1-ad32-98f038001003' }] });
    const client = smb2(
      { command: 3, messageId: 1, body: body.treeConnect('\\\\FS1\\C$') },
      { command: 5, messageId: 2, treeId: 4, body: body.create('Windows\\Temp\\x.exe', 2) },
      { command: 9, messageId: 3, treeId: 4, body: body.write(FILE, rpc) },
    );
    const server = smb2(
      { command: 3, messageId: 1, treeId: 4, isResponse: true, body: body.treeConnectResponse(1) },
      { command: 5, messageId: 2, treeId: 4, isResponse: true, body: body.createResponse(FILE) },
    );
    const lines = conversation(client, server);
    expect(lines.at(-1)).toBe('> write \\\\FS1\\C$ Windows\\Temp\\x.exe');
    expect(lines).toHaveLength(5);
  });

  it('encode, then decode, is identity', () => {
    const path = fc.string({ unit: fc.constantFrom(...'abcXYZ019.-$_é漢\\'), minLength: 1, maxLength: 40 });
    const id = fc.integer({ min: 0, max: 0xffffffff });
    fc.assert(
      fc.property(
        path,
        id,
        id,
        fc.boolean(),
        fc.uint8Array({ maxLength: 64 }),
        (name, messageId, treeId, isSigned, data) => {
          const common = { messageId, treeId, isSigned, sessionId: '0000040000000011' };
          const FILE = '00112233445566778899aabbccddeeff';
          const bytes = smb2(
            { ...common, command: 3, body: body.treeConnect(name) },
            {
              ...common,
              command: 5,
              body: body.create(name, 3),
              next: { ...common, command: 9, isRelated: true, body: body.write(FILE, data) },
            },
            { ...common, command: 17, body: body.rename(FILE, name) },
            { ...common, command: 1, isResponse: true, status: 0xc000006d },
          );
          const seen = walk(bytes, (m) => ({ ...m, written: bytes.slice(m.dataAt, m.dataEnd) }));
          for (const m of seen) expect(m).toMatchObject({ ...common, version: 2, isCut: false, isMalformed: false });
          expect(seen).toMatchObject([
            { command: 3, share: name },
            { command: 5, fileName: name, disposition: 'open-if', access: 0x12019f, chainIndex: 0 },
            { command: 9, fileId: FILE, written: data, isRelated: true, chainIndex: 1 },
            { command: 17, fileId: FILE, newName: name, subcommand: 'file/10' },
            { command: 1, isResponse: true, status: 0xc000006d },
          ]);
        },
      ),
    );
  });

  it('SMB1: encode, then decode, is identity', () => {
    const word = fc.integer({ min: 0, max: 65_535 });
    fc.assert(
      fc.property(
        word,
        word,
        fc.boolean(),
        fc.array(fc.stringMatching(/^[A-Z0-9 .]{1,12}$/), { maxLength: 6 }),
        (multiplexId, treeId, isResponse, dialects) => {
          const status = isResponse ? 0xc0000022 : 0;
          const bytes = join(
            encodeSmb(encodeSmb1({ command: 0x2b, multiplexId, treeId, isResponse, status, userId: 0x800 })),
            encodeSmb(encodeSmb1Negotiate(dialects)),
          );
          const seen = walk(bytes, (m) => ({ ...m, dialects: [...m.dialects] }));
          expect(seen).toMatchObject([
            {
              version: 1,
              command: 0x2b,
              messageId: multiplexId,
              treeId,
              isResponse,
              status,
              sessionId: '0800',
              isDosError: false,
            },
            { command: 0x72, dialects },
          ]);
        },
      ),
    );
  });

  it('encrypted and compressed messages are named', () => {
    const encrypted = join(
      hexBytes('fd534d42'),
      new Uint8Array(32),
      hexBytes('80000000 0000 0100 1100000000040000'),
      new Uint8Array(128),
    );
    const compressed = hexBytes('fc534d42 00100000 0200 0000 00000000 deadbeef');
    const bytes = join(encodeSmb(encrypted), encodeSmb(compressed));
    expect(walk(bytes, (m) => [m.kind, smbCommandName(m), m.sessionId, m.dataBytes, m.subcommand])).toEqual([
      ['encrypted', 'encrypted', '0000040000000011', 128, undefined],
      ['compressed', 'compressed', '', 4096, 'LZ77'],
    ]);
  });

  it('a NetBIOS session request names both hosts', () => {
    const bytes = join(
      encodeNetbiosRequest('FILESERVER', 0x20, 'WS1', 0),
      encodeSmb(encodeSmb1Negotiate(['NT LM 0.12'])),
    );
    expect(looksLikeSmb(bytes, 0, bytes.length)).toBe(true);
    expect(walk(bytes, summarizeSmb)).toEqual([
      'NetBIOS session-request FILESERVER<20> from WS1<00>',
      'SMB1 negotiate NT LM 0.12',
    ]);
    expect(walk(hexBytes('82000000 85000000'), smbCommandName)).toEqual(['positive-session-response', 'keep-alive']);
  });

  it('status codes have names, and refused sign-ons are known', () => {
    expect(ntStatusName(0xc000006d)).toBe('STATUS_LOGON_FAILURE');
    expect(ntStatusName(0xc0000abc)).toBe('0xc0000abc');
    expect([0xc000006d, 0xc0000234, 0xc0000072].every(isLogonFailure)).toBe(true);
    expect([0, 0xc0000016, 0xc0000022].some(isLogonFailure)).toBe(false);
    const bytes = smb2({ command: 1, isResponse: true, status: 0xc000006d, body: hexBytes('0900000000000000') });
    expect(walk(bytes, summarizeSmb)).toEqual(['SMB2 session-setup response STATUS_LOGON_FAILURE']);
    const dos = encodeSmb(encodeSmb1({ command: 0x75, isResponse: true, status: 0x00060002 }));
    dos[4 + 11] &= ~0x40;
    expect(walk(dos, summarizeSmb)).toEqual(['SMB1 tree-connect-andx response ERRSRV/6']);
  });

  it('a large write that is cut keeps its name and says how much is missing', () => {
    const whole = smb2({ command: 9, messageId: 1, body: body.write('ee'.repeat(16), new Uint8Array(5000)) });
    expect(walk(whole.subarray(0, 1000), (m) => [m.isCut, m.dataBytes, m.dataEnd - m.dataAt])).toEqual([
      [true, 5000, 1000 - 116],
    ]);
    expect(walkSmb(whole, 0, 1000, () => undefined)).toBe(1000);
  });

  it('lengths that contradict each other are malformed, and reading goes on behind them', () => {
    const bad = encodeSmb2({ command: 3, body: body.treeConnect('\\\\A\\B') });
    new DataView(bad.buffer).setUint16(64 + 6, 60_000, true);
    const backwards = encodeSmb2({ command: 13 });
    new DataView(backwards.buffer).setUint32(20, 8, true);
    const bytes = join(encodeSmb(bad), encodeSmb(backwards), smb2({ command: 13, messageId: 5 }));
    expect(walk(bytes, (m) => [m.messageId, m.isMalformed])).toEqual([
      [0, true],
      [0, true],
      [5, false],
    ]);
  });

  it('open files, shares and waiting requests are bounded; what is forgotten is counted', () => {
    const connection = new SmbConnection();
    const visit = { message: () => undefined };
    for (let i = 0; i < 3000; i++) {
      const bytes = smb2(
        { command: 3, messageId: 2 * i, body: body.treeConnect('\\\\A\\B') },
        { command: 5, messageId: 2 * i + 1, body: body.create('x') },
        {
          command: 5,
          messageId: 2 * i + 1,
          isResponse: true,
          body: body.createResponse(i.toString(16).padStart(32, '0')),
        },
      );
      connection.walk(bytes, 0, bytes.length, visit);
    }
    expect([...connection.files()]).toHaveLength(256);
    expect(connection.forgotten).toBe(3000 - 256 + (3000 - 256 + 1));
  });

  it('what is no SMB is none', () => {
    expect(looksLikeSmb(asciiBytes('GET / HTTP/1.1'), 0, 14)).toBe(false);
    expect(walkSmb(asciiBytes('GET / HTTP/1.1'), 0, 14, () => expect.fail())).toBe(0);
    expect(walkSmb(hexBytes('00000010 16030100'), 0, 8, () => expect.fail())).toBe(0);
  });

  it('truncated, changed and random messages never throw and are read within their bounds', () => {
    const decode = (b: Uint8Array, at: number, end: number) => {
      const out: string[] = [];
      const next = new SmbConnection().walk(b, at, end, {
        message: (m, share, file) =>
          out.push(
            `${summarizeSmb(m)} ${m.isCut} ${m.isMalformed} ${m.dataEnd - m.dataAt} ${m.tokenEnd - m.tokenAt} ${share} ${file?.name}`,
          ),
        rpc: (pdu) => out.push(summarizeRpc(pdu)),
      });
      return [...out, String(next - at)];
    };
    for (const name of ['smb1-lsarpc', 'smb1-samba', 'smb1-kerberos', 'smb3-session-enumeration']) {
      const { client, server } = sidesOf(name);
      survives(client, decode);
      survives(server, decode);
    }
    survives(encodeNetbiosRequest('A', 0x20, 'B', 0), decode);
  });
});
