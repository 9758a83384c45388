import { z } from 'zod';

/**
 * A baseline: what a network is supposed to hold. People write it, `anomalyst baseline learn` proposes it, and both live in one YAML file. This shape is the only definition: types,
 * checks and schema/baseline.schema.json come from it. Names of protocols and zones are checked after it (`baseline-file.ts`), where the nearest right one can be named.
 *
 * What is `proposed` was learned and waits for a person: it is shown, and it silences nothing.
 */

/** Version of the file's shape. */
export const BASELINE_VERSION = 1;

export const BASELINE_STATUSES = ['approved', 'proposed'] as const;
export type BaselineStatus = (typeof BASELINE_STATUSES)[number];

/** Layers of `protocols`, lowest first. */
export const BASELINE_LAYERS = ['link', 'network', 'transport', 'application'] as const;
export type BaselineLayer = (typeof BASELINE_LAYERS)[number];

const MAX_LIST = 1000;
const MAX_DEVICES = 50_000;

const words = z.registry<{ title?: string; description?: string }>();

function say<T extends z.ZodType>(schema: T, description: string): T {
  words.add(schema, { description });
  return schema;
}

/** One text or several. */
function oneOrMore<T extends z.ZodType<string>>(item: T): z.ZodUnion<readonly [T, z.ZodArray<T>]> {
  return z.union([item, z.array(item).min(1).max(MAX_LIST)]);
}

const MAC_TEXT = /^[0-9a-fA-F]{2}([:-]?[0-9a-fA-F]{2}){5}$|^[0-9a-fA-F]{4}\.[0-9a-fA-F]{4}\.[0-9a-fA-F]{4}$/;
const PREFIX_TEXT = /^[0-9a-fA-F](?:[:.-]?[0-9a-fA-F]){5,11}(?:\/(?:2[4-9]|3\d|4[0-8]))?$/;
const NETWORK_TEXT = /^[0-9a-fA-F:.]{2,45}(?:\/\d{1,3})?$/;
const DATE_TEXT = /^\d{4}-\d{2}-\d{2}(?:T\d{2}:\d{2}(?::\d{2}(?:\.\d{1,3})?)?Z)?$/;
const HOURS_TEXT =
  /^(?:(?:daily|(?:mon|tue|wed|thu|fri|sat|sun)(?:-(?:mon|tue|wed|thu|fri|sat|sun))?)(?: |$))?(?:(?:[01]\d|2[0-3]):00-(?:0[1-9]|1\d|2[0-4]):00)?$/i;
const TEXT = z.string().min(1).max(255);

const mac = z.string().regex(MAC_TEXT, { error: "expected a MAC, as in '3c:52:82:01:02:03'" });
const prefix = z.string().regex(PREFIX_TEXT, {
  error: "expected the first 24 to 48 bits of MACs, as in 'b8:27:eb' or '70:b3:d5:7f:20:00/36'",
});
const network = z.string().regex(NETWORK_TEXT, { error: "expected an address or a network, as in '192.168.10.0/24'" });
const date = z
  .string()
  .regex(DATE_TEXT, { error: "expected a day or a moment in UTC, as in '2026-12-31' or '2026-12-31T18:00:00Z'" });
const hours = z.string().min(3).regex(HOURS_TEXT, {
  error: "expected days, whole hours or both, as in 'mon-fri 07:00-19:00', 'sat' or '22:00-06:00'",
});
const status = z.enum(BASELINE_STATUSES);

const device = z
  .strictObject({
    name: say(TEXT.optional(), 'What people call it. Peers can name it.'),
    mac: say(oneOrMore(mac).optional(), 'Its hardware address, or several of one device.'),
    vendorPrefix: say(
      oneOrMore(prefix).optional(),
      'Beginning of hardware addresses: every device of a vendor. With ip: only there. Anyone can pretend to be of a vendor.',
    ),
    ip: say(
      oneOrMore(network).optional(),
      'Addresses or networks. Beside mac they stand for it where the traffic shows no hardware addresses.',
    ),
    owner: say(TEXT.optional(), 'Who answers for it.'),
    role: say(TEXT.optional(), 'What it is: router, server, nas, printer, camera, phone, computer ...'),
    importance: say(
      z.int().min(1).max(5).optional(),
      'What it is worth: 1 (nobody would miss it) to 5 (the business stops). By role where absent.',
    ),
    expires: say(
      date.optional(),
      'Until when it may be there: the end of that day, or that moment. Traffic after it is of an expired device.',
    ),
    services: say(
      z.array(TEXT).max(MAX_LIST).optional(),
      "What it may offer: 'ssh' (on any port), 'http/8080', 'tcp/9100', 'udp/5000-5010', '*'. Not judged where absent; [] allows none.",
    ),
    uses: say(
      z.array(TEXT).max(MAX_LIST).optional(),
      'What it may ask others for, in the same words: [dns, tls, ntp]. Not judged where absent.',
    ),
    peers: say(
      z.array(TEXT).max(MAX_LIST).optional(),
      "Whom it may contact: addresses, networks, names of devices, names with '*.' before them, 'home', 'internet', '*'. Not judged where absent.",
    ),
    hours: say(
      oneOrMore(hours).optional(),
      "When it is usually active, in timeZone: 'mon-fri 07:00-19:00', 'sat', '22:00-06:00'. Not judged where absent.",
    ),
    status: say(status.optional(), 'approved (also where absent), or proposed: learned, and silences nothing.'),
    note: say(z.string().max(2000).optional(), 'Anything a person should know.'),
  })
  .refine(({ mac: hardware, vendorPrefix, ip }) => (hardware ?? vendorPrefix ?? ip) !== undefined, {
    error: 'a device needs mac, vendorPrefix or ip',
  });

const protocol = z.union([
  TEXT,
  z.strictObject({
    name: say(TEXT, 'As in the short form.'),
    status: say(status.optional(), 'approved (also where absent) or proposed.'),
    reason: say(z.string().max(2000).optional(), 'Why it is allowed.'),
    expires: say(date.optional(), 'Until when.'),
  }),
]);

function layer(description: string): z.ZodOptional<z.ZodArray<typeof protocol>> {
  return say(z.array(protocol).max(MAX_LIST).optional(), description);
}

export const baselineSchema = z.strictObject({
  version: say(z.literal(BASELINE_VERSION), 'Version of this shape.'),
  description: say(z.string().max(2000).optional(), 'What network this is.'),
  timeZone: say(TEXT.optional(), 'Zone of hours: Europe/Berlin, +02:00, UTC (the default).'),
  learned: say(
    z
      .strictObject({
        from: say(z.string().max(40), 'Time of the first packet or row.'),
        to: say(z.string().max(40), 'Time of the last.'),
        inputs: say(z.array(z.string().max(1000)).max(MAX_LIST), 'Names of the inputs.'),
      })
      .optional(),
    'What the proposals were learned from.',
  ),
  devices: say(
    z.array(device).max(MAX_DEVICES).optional(),
    'Devices, or groups of them. Without an approved one no device is judged.',
  ),
  protocols: say(
    z
      .strictObject({
        link: layer('Beside IP on the wire: ARP, LLDP, 802.1X, spanning tree ...'),
        network: layer('IPv4, IPv6, ICMP, ICMPv6, IGMP, GRE, ESP, OSPF ...'),
        transport: layer('TCP, UDP, SCTP, UDP-Lite.'),
        application: layer(
          "By what is spoken, else by port: DNS, TLS, QUIC, SSH ...; 'tcp/9100' for a port whose protocol nobody knows; 'unrecognised' for all such.",
        ),
      })
      .optional(),
    'Allowed protocols by layer. A layer without an approved entry is not judged.',
  ),
});

/** The file as a value. */
export type BaselineDocument = z.infer<typeof baselineSchema>;
export type BaselineDevice = NonNullable<BaselineDocument['devices']>[number];
export type BaselineProtocol = Exclude<z.infer<typeof protocol>, string>;

words.add(baselineSchema, {
  title: 'Anomalyst baseline',
  description: 'Known devices, allowed protocols, usual services, peers and hours of a network.',
});

/** The published JSON Schema (draft 2020-12), as text with a newline at its end: schema/baseline.schema.json. */
export function baselineJsonSchemaText(): string {
  const schema = z.toJSONSchema(baselineSchema, { target: 'draft-2020-12', metadata: words, unrepresentable: 'throw' });
  return `${JSON.stringify(schema, null, 2)}\n`;
}
