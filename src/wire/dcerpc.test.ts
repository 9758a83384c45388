import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { hexBytes } from '../../test/support/frames.ts';
import { sidesOf, survives } from '../../test/support/sides.ts';
import {
  encodeRpc,
  looksLikeRpc,
  RpcConnection,
  type RpcEndpoint,
  type RpcFields,
  type RpcMessage,
  rpcFaultName,
  rpcStrings,
  rpcTypeName,
  summarizeRpc,
} from './dcerpc.ts';
import { RPC_INTERFACES, rpcInterface } from './rpc-interface.ts';
import { LittleWriter } from './windows-bytes.ts';

const SVCCTL = '367abb81-9844-35f1-ad32-98f038001003';
const DRSUAPI = 'e3514235-4b06-11d1-ab04-00c04fc2dcd2';

/** Summaries of all PDUs in order, over one connection. */
function lines(connection: RpcConnection, bytes: Uint8Array, at = 0, end = bytes.length): string[] {
  const out: string[] = [];
  connection.walk(bytes, at, end, (message) => out.push(summarizeRpc(message)));
  return out;
}

/** What `pick` says of each PDU that is encoded here, on one connection. */
function each<T>(list: readonly RpcFields[], pick: (message: RpcMessage, bytes: Uint8Array) => T): T[] {
  const connection = new RpcConnection();
  return list.flatMap((fields) => {
    const bytes = encodeRpc(fields);
    const out: T[] = [];
    expect(connection.walk(bytes, 0, bytes.length, (message) => out.push(pick(message, bytes)))).toBe(bytes.length);
    return out;
  });
}

/** A conformant varying string with its NUL. */
const ndrString = (text: string): Uint8Array =>
  new LittleWriter()
    .u32(text.length + 1)
    .u32(0)
    .u32(text.length + 1)
    .utf16(`${text}\0`)
    .align(4)
    .finish();

describe('DCE-RPC', () => {
  it('DCSync: the directory replication that a client calls, though its arguments are encrypted', () => {
    // tshark -r covenant_dcsync*.cap -Y 'tcp.stream==2 and dcerpc' -T fields -e dcerpc.pkt_type -e dcerpc.opnum -e dcerpc.auth_level -e dcerpc.cn_call_id
    const { client, server } = sidesOf('rpc-dcsync');
    const connection = new RpcConnection();
    expect(lines(connection, client)).toEqual([
      'bind drsuapi 4.0, drsuapi 4.0 (spnego, privacy)',
      'alter_context drsuapi 4.0 (spnego, privacy)',
      'request drsuapi.DsBind (spnego, privacy)',
      'request drsuapi.DsDomainControllerInfo (spnego, privacy)',
      'request drsuapi.DsCrackNames (spnego, privacy)',
      'request drsuapi.DsBind (spnego, privacy)',
      'request drsuapi.DsGetNCChanges (spnego, privacy)',
      'request drsuapi.DsUnbind (spnego, privacy)',
    ]);
    expect(lines(connection, server).map((line) => line.split(' ').slice(0, 2).join(' '))).toEqual([
      'bind_ack (spnego,',
      'alter_context_resp (spnego,',
      'response drsuapi.DsBind',
      'response drsuapi.DsDomainControllerInfo',
      'response drsuapi.DsCrackNames',
      'response drsuapi.DsBind',
      'response drsuapi.DsGetNCChanges',
      'response drsuapi.DsUnbind',
    ]);
  });

  it('contexts, transfer syntaxes and the answer to a bind', () => {
    const { client, server } = sidesOf('rpc-dcsync');
    const connection = new RpcConnection();
    const contexts: string[] = [];
    connection.walk(client, 0, client.length, (message) => {
      if (message.type === 11)
        contexts.push(...message.contexts.map((c) => `${c.id} ${c.uuid} ${c.version} ${c.transferSyntax}`));
    });
    expect(contexts).toEqual([`0 ${DRSUAPI} 4.0 ndr`, `1 ${DRSUAPI} 4.0 feature negotiation`]);
    const answers: unknown[] = [];
    connection.walk(server, 0, server.length, (message) => {
      if (message.type === 12) answers.push(message.secondaryAddress, [...message.accepted]);
    });
    // Result 3 of the second context is the answer to feature negotiation, not an acceptance.
    expect(answers).toEqual(['49674', [true, false]]);
  });

  it('the endpoint mapper: where an interface listens', () => {
    // tshark -r covenant_dcsync*.cap -Y 'tcp.stream==1 and epm' -V: DRSUAPI at 172.18.38.5, TCP ports 49674 and 49667
    const { client, server } = sidesOf('rpc-dcsync-mapper');
    const connection = new RpcConnection();
    const found: RpcEndpoint[][] = [];
    const visit = (message: RpcMessage): void => {
      if (message.endpoints.length > 0) found.push([...message.endpoints]);
    };
    connection.walk(client, 0, client.length, visit);
    connection.walk(server, 0, server.length, visit);
    const common = { uuid: DRSUAPI, version: '4.0', interfaceName: 'drsuapi', transport: 'tcp', pipe: '' };
    expect(found).toEqual([
      [{ ...common, port: 135, address: '0.0.0.0' }],
      [
        { ...common, port: 49674, address: '172.18.38.5' },
        { ...common, port: 49667, address: '172.18.38.5' },
      ],
    ]);
  });

  it('WMI: interfaces that are bound one after the other, and the method that is executed', () => {
    // tshark -r empire_wmi*WORKSTATION5*.cap -Y 'tcp.stream==5 and dcerpc' -T fields -e dcerpc.pkt_type -e dcerpc.opnum -e dcerpc.auth_level:
    // 1 bind, 7 alter_context and 12 requests of the client, opnums 3 3 3 3 3 6 5 6 6 24 24 5
    const { client } = sidesOf('rpc-wmi');
    expect(lines(new RpcConnection(), client)).toEqual([
      'bind IRemUnknown2 0.0, IRemUnknown2 0.0, IRemUnknown2 0.0 (spnego, packet)',
      'alter_context IRemUnknown2 0.0 (spnego, packet)',
      'request IRemUnknown2.RemQueryInterface (spnego, packet)',
      'request IRemUnknown2.RemQueryInterface (spnego, packet)',
      'alter_context IWbemLoginClientID 0.0 (spnego, packet)',
      'alter_context IWbemLoginClientID 0.0 (spnego, packet)',
      'request IWbemLoginClientID.SetClientInfo (spnego, packet)',
      'alter_context IWbemLoginClientIDEx 0.0',
      'request IWbemLoginClientIDEx.SetClientInfoEx (spnego, packet)',
      'alter_context IWbemLevel1Login 0.0',
      'request IWbemLevel1Login.EstablishPosition (spnego, packet)',
      'request IWbemLevel1Login.NTLMLogin (spnego, packet)',
      'request IRemUnknown2.RemRelease (spnego, packet)',
      'alter_context IWbemServices 0.0 (spnego, privacy)',
      'alter_context IWbemServices 0.0 (spnego, privacy)',
      'request IWbemServices.GetObject (spnego, privacy)',
      'request IWbemServices.GetObject (spnego, privacy)',
      'request IWbemServices.ExecMethod (spnego, privacy)',
      'request IWbemServices.ExecMethod (spnego, privacy)',
      'request IRemUnknown2.RemRelease (spnego, packet)',
    ]);
    const strings = new Map<string, string[]>();
    new RpcConnection().walk(client, 0, client.length, (message) => {
      const found = rpcStrings(client, message);
      if (found.length > 0) strings.set(message.operationName!, found);
    });
    expect(Object.fromEntries(strings)).toEqual({
      SetClientInfo: ['WORKSTATION5'],
      SetClientInfoEx: ['WORKSTATION5', 'WORKSTATION5.theshire.local'],
      NTLMLogin: ['\\\\WORKSTATION6.theshire.local\\root\\cimv2', 'en-US,en'],
    });
  });

  it('encode, then decode, is identity', () => {
    const interfaces = fc.constantFrom(...RPC_INTERFACES);
    const id = fc.integer({ min: 0, max: 65_535 });
    const stub = fc.uint8Array({ maxLength: 200 });
    const auth = fc.option(
      fc.record({
        type: fc.constantFrom(9, 10, 16),
        level: fc.constantFrom(2, 5, 6),
        token: fc.uint8Array({ minLength: 1, maxLength: 40 }),
      }),
      { nil: undefined },
    );
    fc.assert(
      fc.property(
        interfaces,
        id,
        id,
        fc.integer({ min: 0, max: 0xffffffff }),
        stub,
        auth,
        (known, contextId, operation, callId, args, trailer) => {
          const common = { callId, contextId, ...(trailer && { auth: trailer }) };
          const seen = each(
            [
              { type: 'bind', contexts: [{ id: contextId, uuid: known.uuid, version: 0x00020003 }], ...common },
              { type: 'request', operation, stub: args, ...common },
              { type: 'request', operation, stub: args, objectUuid: DRSUAPI, ...common },
              { type: 'response', stub: args, ...common },
            ],
            (m, bytes) => ({
              type: rpcTypeName(m.type),
              callId: m.callId,
              version: m.contexts[0]?.version,
              name: m.interfaceName,
              operation: m.operation,
              operationName: m.operationName,
              objectUuid: m.objectUuid,
              stub: m.contextId < 0 ? undefined : bytes.slice(m.stubAt, m.stubEnd),
              token: trailer && bytes.slice(m.tokenAt, m.tokenEnd),
              isEncrypted: m.isEncrypted,
              isBad: m.isCut || m.isMalformed,
            }),
          );
          const call = {
            callId,
            version: undefined,
            name: known.name,
            operation,
            operationName: known.operations[operation] ?? `operation-${operation}`,
            objectUuid: undefined,
            stub: args,
            token: trailer?.token,
            isEncrypted: trailer?.level === 6,
            isBad: false,
          };
          expect(seen).toEqual([
            {
              ...call,
              type: 'bind',
              version: '3.2',
              operation: -1,
              operationName: undefined,
              stub: undefined,
              isEncrypted: false,
            },
            { ...call, type: 'request' },
            { ...call, type: 'request', objectUuid: DRSUAPI },
            { ...call, type: 'response' },
          ]);
        },
      ),
    );
  });

  it('a fault names its status, and the operation that failed', () => {
    const contexts = [{ id: 3, uuid: '12345778-1234-abcd-ef00-0123456789ac' }];
    expect(
      each(
        [
          { type: 'bind', contexts },
          { type: 'bind_ack', contexts, secondaryAddress: '\\PIPE\\lsass' },
          { type: 'request', callId: 7, contextId: 3, operation: 64 },
          { type: 'fault', callId: 7, contextId: 3, status: 5 },
          { type: 'fault', callId: 7, contextId: 3, status: 0x1c010002 },
        ],
        summarizeRpc,
      ),
    ).toEqual([
      'bind samr 1.0',
      'bind_ack',
      'request samr.SamrConnect5',
      'fault samr.SamrConnect5 rpc_s_access_denied',
      // The answer was given; a second one under the same number belongs to nothing.
      'fault samr nca_s_op_rng_error',
    ]);
    expect(rpcFaultName(0x1234)).toBe('0x00001234');
  });

  it('big-endian PDUs', () => {
    // bind of SVCCTL 2.0 under context 1, then request 15, written by hand after C706 14.1 with integer representation 0.
    const bind = hexBytes(
      '05000b03 00000000 0048 0000 00000001 10b8 10b8 00000000 01000000 0001 0100 367abb81984435f1ad3298f038001003 00000002 8a885d041ceb11c99fe808002b104860 00000002',
    );
    const request = hexBytes('05000003 00000000 0018 0000 00000002 00000000 0001 000f');
    expect(lines(new RpcConnection(), Uint8Array.from([...bind, ...request]))).toEqual([
      'bind svcctl 2.0',
      'request svcctl.OpenSCManagerW',
    ]);
  });

  it('strings among the arguments: a service and its command line', () => {
    const stub = new LittleWriter()
      .zeros(20)
      .bytes(ndrString('BTOBTO'))
      .u32(0x20000)
      .bytes(ndrString('BTOBTO'))
      .u32(0xf01ff)
      .u32(0x10)
      .u32(3)
      .u32(0)
      .bytes(ndrString('%COMSPEC% /C echo ü'))
      .zeros(28)
      .finish();
    const contexts = [{ id: 0, uuid: SVCCTL, version: 2 }];
    const strings = (fields: Partial<RpcFields>) =>
      each(
        [
          { type: 'bind', contexts },
          { type: 'request', operation: 12, stub, ...fields },
        ],
        (m, bytes) => rpcStrings(bytes, m),
      )[1];
    expect(strings({})).toEqual(['BTOBTO', 'BTOBTO', '%COMSPEC% /C echo ü']);
    expect(strings({ auth: { type: 10, level: 6, token: new Uint8Array(16) } })).toEqual([]);
    // The first of several fragments: what goes on in the next ends with an ellipsis.
    expect(strings({ stub: stub.subarray(0, 140), isLast: false })).toEqual(['BTOBTO', 'BTOBTO', '%COMSPEC% /C ech…']);
  });

  it('strings in NDR64 have counts of eight bytes; binary data has no strings', () => {
    const text = 'C:\\share\0';
    const stub = new LittleWriter().u32(text.length).u32(0).u32(0).u32(0).u32(text.length).u32(0).utf16(text).finish();
    const noise = Uint8Array.from({ length: 4000 }, (_, i) => (i * 2654435761) >>> 13);
    const strings = (bytes: Uint8Array) => each([{ type: 'request', stub: bytes }], (m, all) => rpcStrings(all, m))[0];
    expect(strings(stub)).toEqual(['C:\\share']);
    expect(strings(noise)).toEqual([]);
  });

  it('contexts beyond 64 are refused and counted; calls without an answer are forgotten, the oldest first', () => {
    const connection = new RpcConnection();
    const push = (fields: RpcFields): string => lines(connection, encodeRpc(fields))[0];
    for (let id = 0; id < 100; id++) push({ type: 'bind', contexts: [{ id, uuid: SVCCTL }] });
    expect(connection.refused).toBe(36);
    expect(connection.context(63)?.uuid).toBe(SVCCTL);
    expect(connection.context(64)).toBeUndefined();
    for (let callId = 0; callId < 1000; callId++) push({ type: 'request', callId, contextId: 1, operation: 12 });
    expect(push({ type: 'response', callId: 0, contextId: 1 })).toBe('response svcctl');
    expect(push({ type: 'response', callId: 999, contextId: 1 })).toBe('response svcctl.CreateServiceW');
  });

  it('what is no RPC is none', () => {
    expect(looksLikeRpc(hexBytes('05000b0310000000480000000100'), 0, 14)).toBe(false);
    expect(looksLikeRpc(hexBytes('05000b03ff000000480000000100000000'), 0, 17)).toBe(false);
    expect(new RpcConnection().walk(hexBytes('16030100'), 0, 4, () => expect.fail())).toBe(0);
    // A length below the header would never move on.
    expect(looksLikeRpc(hexBytes('05000b031000000000000000010000000'), 0, 16)).toBe(false);
  });

  it('the table has no interface twice, and the operations that defenders ask for', () => {
    expect(new Set(RPC_INTERFACES.map(({ uuid }) => uuid)).size).toBe(RPC_INTERFACES.length);
    for (const { uuid, name, operations } of RPC_INTERFACES) {
      expect(uuid).toMatch(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);
      expect(new Set(operations.filter(Boolean)).size, name).toBe(operations.filter(Boolean).length);
    }
    const operation = (name: string, number: number) =>
      RPC_INTERFACES.find((entry) => entry.name === name)?.operations[number];
    // Numbers from tshark -G values, fields <interface>.opnum, and from MS-WMI 3.1.4.3 for the last two.
    expect([
      operation('drsuapi', 3),
      operation('svcctl', 12),
      operation('svcctl', 19),
      operation('svcctl', 15),
      operation('srvsvc', 12),
      operation('srvsvc', 15),
      operation('samr', 13),
      operation('netlogon', 26),
      operation('netlogon', 30),
      operation('efsrpc', 0),
      operation('spoolss', 65),
      operation('spoolss', 89),
      operation('ITaskSchedulerService', 1),
      operation('winreg', 22),
      operation('fsrvp', 8),
      operation('lsarpc', 57),
      operation('wkssvc', 2),
      operation('IWbemServices', 20),
      operation('IWbemServices', 24),
    ]).toEqual([
      'DsGetNCChanges',
      'CreateServiceW',
      'StartServiceW',
      'OpenSCManagerW',
      'NetrSessionEnum',
      'NetrShareEnum',
      'SamrEnumerateUsersInDomain',
      'NetrServerAuthenticate3',
      'NetrServerPasswordSet2',
      'EfsRpcOpenFileRaw',
      'RpcRemoteFindFirstPrinterChangeNotificationEx',
      'RpcAddPrinterDriverEx',
      'SchRpcRegisterTask',
      'BaseRegSetValue',
      'IsPathSupported',
      'LsarLookupSids2',
      'NetrWkstaUserEnum',
      'ExecQuery',
      'ExecMethod',
    ]);
    expect(rpcInterface('00000000-0000-0000-0000-000000000000')).toBeUndefined();
  });

  it('truncated, changed and random PDUs never throw and are read within their bounds', () => {
    const decode = (b: Uint8Array, at: number, end: number) => {
      const out: string[] = [];
      const next = new RpcConnection().walk(b, at, end, (m) =>
        out.push(
          `${summarizeRpc(m)} ${m.isCut} ${m.stubEnd - m.stubAt} ${m.tokenEnd - m.tokenAt} ${rpcStrings(b, m).join()}`,
        ),
      );
      return [...out, String(next - at)];
    };
    for (const name of ['rpc-dcsync-mapper', 'rpc-dcsync', 'rpc-wmi', 'rpc-ntlm']) {
      const { client, server } = sidesOf(name);
      survives(client, decode);
      survives(server, decode);
    }
  });
});
