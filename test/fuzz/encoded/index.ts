import { DEVICES } from './device.ts';
import { FLOW_EXPORTS } from './flow-export.ts';
import { LAYERS } from './layer.ts';
import { LOGINS } from './login.ts';
import { NAMES } from './name.ts';
import type { Encoded } from './part.ts';
import { WEB } from './web.ts';
import { WINDOWS } from './windows.ts';

/** One message of every encoder of `wire`. */

/** What every encoder makes; `fuzz.test.ts` holds the names complete. */
export const ENCODED: Readonly<Record<string, Encoded>> = {
  ...LAYERS,
  ...NAMES,
  ...WINDOWS,
  ...LOGINS,
  ...WEB,
  ...DEVICES,
  ...FLOW_EXPORTS,
};

/** Encoders whose output is part of what others in `ENCODED` make, and those of capture files. */
export const ENCODED_INSIDE: readonly string[] = [
  ...[
    'encodeBerInteger',
    'encodeBerText',
    'encodeBerOid',
    'encodeDuid',
    'encodeFtpServer',
    'encodeHttpResponse',
    'encodeImapServer',
    'encodeMqttConnack',
    'encodeMqttSubscribe',
    'encodeMysqlGreeting',
    'encodePop3Server',
    'encodePostgresqlMessage',
    'encodeQuicCrypto',
  ],
  ...[
    'encodeNetbiosRequest',
    'encodeSet',
    'encodeTemplates',
    'encodeRecords',
    'encodeSmb1Negotiate',
    'encodeSmb2',
    'encodeSmb2Body',
    'encodeSmtpServer',
    'encodeSshKexInit',
    'encodeCertificateMessage',
    'encodeClientHelloMessage',
    'encodeServerHelloMessage',
    'encodeTlsRecords',
  ],
  ...[
    'encodePcapHeader',
    'encodePcapRecord',
    'encodeBlock',
    'encodeSection',
    'encodeInterface',
    'encodeEnhancedPacket',
    'encodeSimplePacket',
  ],
];
