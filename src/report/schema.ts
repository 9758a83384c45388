import * as z from 'zod';
import { ACTIONS, ASSESSMENTS, PROPOSAL_TOOLS } from '../analyst/index.ts';
import { FLOW_SCHEMA, type FlowColumnName, type FlowRecord } from '../flow/index.ts';
import { SEVERITIES } from '../incident/index.ts';
import { DRIFT_ADVICE } from './drift-summary.ts';

/**
 * The one definition of incidents.json: its TypeScript type, the check that reads it back and the published JSON Schema come from here.
 * Members are written in the order in which they stand below, which is what makes the file the same bytes for the same input.
 * `schemaVersion` changes when a member goes or changes its meaning. The published schema names every member and allows no others, so a document
 * is validated with the schema of the release that wrote it; a program that reads should look at the members it knows and pass over the rest.
 */

/** Version of the document's shape. */
export const INCIDENTS_SCHEMA_VERSION = 1;

/** Descriptions live in a registry of their own, so that importing this file leaves zod's global one alone. */
const words = z.registry<{ id?: string; title?: string; description?: string }>();

function say<T extends z.ZodType>(schema: T, description: string): T {
  words.add(schema, { description });
  return schema;
}

function named<T extends z.ZodType>(id: string, schema: T, description: string): T {
  words.add(schema, { id, description });
  return schema;
}

const count = (description: string) => say(z.int().min(0), description);
const text = (description: string) => say(z.string(), description);
const share = (description: string) => say(z.number().min(0).max(1), description);
const time = (description: string) =>
  say(
    z.iso.datetime({ precision: 3 }).nullable(),
    `${description}: ISO 8601, UTC, milliseconds; null where there is none, or where it lies outside the years 0 to 9999.`,
  );

const severity = named('severity', z.enum(SEVERITIES), 'Least to most urgent.');

const input = named(
  'input',
  z.strictObject({
    name: text('As the user named it.'),
    format: text("'pcap', 'pcapng', ... or 'unreadable'."),
    compression: text("'', 'gzip', 'zstd' or 'lz4'."),
    bytes: count('Size of the input.'),
    packets: count('Packets read from it.'),
    rows: say(z.int().min(0).optional(), 'Rows read from it, where it is no capture.'),
    rejected: say(z.int().min(0).optional(), 'Lines or records of it that could not be read, where it is no capture.'),
    simulated: say(z.literal(true).optional(), 'It says of itself that it was made up; absent where it does not.'),
    first: time('Time of its earliest packet'),
    last: time('Time of its latest packet'),
    status: say(
      z.enum(['complete', 'cut', 'failed']),
      'cut: it ended early and what came before was kept; failed: nothing of it could be used.',
    ),
    message: say(
      z.string().optional(),
      'Why, where the status is not complete; for a complete one, that it is still being written.',
    ),
  }),
  'One capture that was read, or that could not be.',
);

const drift = named(
  'drift',
  z.strictObject({
    rows: count('Rows that were compared.'),
    advice: say(z.enum(DRIFT_ADVICE), 'What to do about the model; too-few rows tell nothing.'),
    reasons: say(z.array(z.string()), 'Why, each one sentence.'),
    features: say(
      z.strictObject({ compared: z.int().min(0), moved: z.int().min(0), movedFar: z.int().min(0) }),
      'How many features were compared, how many moved (index 0.1 or more, and beyond chance), how many of these far (0.25).',
    ),
    worst: say(
      z.array(
        z.strictObject({
          name: z.string(),
          index: say(z.number().min(0), 'Population stability index against the training, natural logarithm.'),
          limit: say(z.number().min(0), 'What the index must exceed before it can be told from chance.'),
          place: say(
            z.number().min(0).max(1).optional(),
            'Where a value lies on average among those of the training: 0.5 as there; absent where all are missing.',
          ),
          missingBefore: share('Rows of the training without a value.'),
          missingNow: share('Rows of this input without a value.'),
        }),
      ),
      'The features that moved most, at most ten.',
    ),
    scores: say(
      z
        .strictObject({
          gap: share('Kolmogorov-Smirnov statistic of the scores against those of the calibration.'),
          limit: say(z.number().min(0), 'What the gap must reach to count: 0.1, or more where rows are few.'),
          calibrationRows: count('Scores that the model was calibrated on.'),
          rates: say(
            z.array(z.strictObject({ promised: z.number(), achieved: z.number() })),
            'Share of ordinary rows that would score 1 - promised or more, and the share that did.',
          ),
          before: say(z.array(z.number()), 'Shares of the calibration scores in 20 equal parts of 0..1.'),
          now: say(z.array(z.number()), 'Shares of the scores of this input in the same parts.'),
        })
        .optional(),
      'Absent where there were too few rows.',
    ),
    changes: say(
      z.array(
        z.strictObject({
          row: count('Rows before it.'),
          at: time('About when'),
          before: say(z.number(), 'Mean score before it.'),
          after: say(z.number(), 'Mean score after it.'),
        }),
      ),
      'When the mean score changed (ADWIN), in the order of time, at most ten.',
    ),
    changeCount: count('How often it changed in truth.'),
  }),
  'How far this input is from what the model was fitted on.',
);

const run = named(
  'run',
  z.strictObject({
    tool: say(z.strictObject({ name: z.string(), version: z.string() }), 'What wrote this document.'),
    inputs: say(z.array(input), 'In the order given. The column `input` of a flow is a position in this list, from 1.'),
    first: time('Time of the earliest packet'),
    last: time('Time of the latest packet'),
    packets: count('Packets read.'),
    bytes: count('Bytes of whole frames.'),
    flows: count('Flows that were made of them.'),
    hosts: count('Addresses seen.'),
    otherFrames: say(
      z.array(z.strictObject({ kind: z.string(), packets: z.int().min(0) })),
      'Frames that belong to no flow (LLDP, STP, ...), by kind.',
    ),
    homeNet: say(z.array(z.string()), 'The home network, as prefixes.'),
    seed: say(z.int(), 'Seed of all randomness.'),
    model: say(
      z
        .strictObject({
          kind: z.string(),
          fittedOn: text("'this capture', or the model file that was given."),
          rows: count('Rows that it was fitted on.'),
          features: z.array(z.string()),
          checksum: z.string(),
          learning: say(
            z
              .strictObject({
                rows: count('Rows that it was shown.'),
                leftOut: count('Rows that it did not learn because they were strange.'),
                refits: count('How often it was fitted anew, or brought to other scales.'),
              })
              .optional(),
            'Of a model that learns as it scores, over all windows so far.',
          ),
        })
        .optional(),
      'The model, where one was used.',
    ),
    drift: say(drift.optional(), 'Whether a given model still fits; absent for one that was fitted on this input.'),
    emptyBecause: say(z.string().optional(), 'Why there are no incidents; absent when there are some.'),
    blindSpots: say(z.array(z.string()), 'What could not be seen in this traffic, each one sentence.'),
    saturations: say(
      z.array(z.strictObject({ detector: z.string(), what: z.string(), cap: z.int().min(0), refused: z.int().min(0) })),
      'Bounded state that was full: what was refused, and how often.',
    ),
    feedback: say(
      z
        .strictObject({
          hidden: count('Detections that were hidden.'),
          hiddenIncidents: count('Incidents of which nothing was left.'),
          rules: say(
            z.array(
              z.strictObject({
                rule: text('Its id in suppressions.yaml.'),
                meaning: text('What it speaks of.'),
                reason: say(z.string().optional(), 'Why, as the person who made it wrote.'),
                created: time('Day that it was made'),
                expires: time('Traffic from then on is not hidden'),
                hidden: count('Detections that it hid.'),
                incidents: count('Incidents that went with them.'),
                changed: count('Detections that it speaks of and did not hide, because the behaviour has changed.'),
                expired: count('Detections that it speaks of and that are later than its expiry.'),
              }),
            ),
            'In the order of the file.',
          ),
          reliability: say(
            z.array(
              z.strictObject({
                detector: z.string(),
                prior: share('Measured.'),
                now: share('With the labels.'),
                malicious: count('Labels that count.'),
                benign: count('Labels that count.'),
              }),
            ),
            'Detectors that labels speak of.',
          ),
        })
        .optional(),
      'What suppressions and labels did; absent without any.',
    ),
    alerts: say(
      z
        .strictObject({
          budget: text("As in '3/week'."),
          alerts: count('Incidents of medium severity or more that are alerts.'),
          heldBack: count('Those that are none because the budget was used up.'),
          earlier: say(
            z.int().min(0).optional(),
            'Alerts of earlier runs within the length of the budget, which take room in it; absent where there is none.',
          ),
          leastShown: say(z.number().optional(), 'Lowest urgency of an alert.'),
          mostHeldBack: say(z.number().optional(), 'Highest urgency of what was held back.'),
        })
        .optional(),
      'How the alert budget was used; absent without one.',
    ),
    severityCounts: say(
      z.strictObject({
        critical: z.int().min(0),
        high: z.int().min(0),
        medium: z.int().min(0),
        low: z.int().min(0),
        info: z.int().min(0),
      }),
      'How many incidents there are of each severity.',
    ),
  }),
  'What was analysed, with what, and what could not be seen.',
);

const oddity = named(
  'oddity',
  z.strictObject({
    name: text('Dotted and stable, as in ipv4.truncated-header.'),
    count: count('How often.'),
    meaning: text('One sentence.'),
    firstFrame: say(z.int().min(0).optional(), 'Number of the first frame that had it, as Wireshark counts.'),
    firstInput: say(z.int().min(0).optional(), 'Its input, a position in run.inputs from 1.'),
  }),
  'Something in the traffic that could not be understood or is not as it should be.',
);

const hostReference = named(
  'hostReference',
  z.strictObject({
    address: z.string(),
    home: say(z.boolean(), 'True for an address of the home network.'),
    mac: say(z.string().optional(), 'Ethernet address seen with it.'),
  }),
  'A host in an incident.',
);

const relatedIncident = named(
  'relatedIncident',
  z.strictObject({
    id: text('Its id.'),
    rank: say(z.int().min(1), 'Its rank in this document.'),
    label: text("What it is in a few words, as in 'port scan'."),
    shares: say(z.enum(['actor', 'flow']), 'What the two have in common: an actor, or flows alone.'),
  }),
  'Another incident of the same host, or of the same flows.',
);

const technique = named(
  'technique',
  z.strictObject({
    id: say(z.string().regex(/^T\d{4}(\.\d{3})?$/), 'As in T1046 or T1110.001.'),
    name: z.string(),
    tactic: z.string(),
    reason: say(z.string().optional(), 'Why it was chosen: what was found, and where.'),
    first: time('First time that the detections which show it were seen; absent where rows have no time').optional(),
    last: time('Last time').optional(),
  }),
  'A technique of MITRE ATT&CK, Enterprise matrix.',
);

const evidenceId = named(
  'evidenceId',
  z.string().regex(/^[fmrd][1-9]\d*$/),
  'Unique within its incident: f1, f2 ... for flows, r1 ... for rows of tables, m1 ... for measures, d1 ... for detections.',
);

type NumberColumn = { [K in FlowColumnName]: NonNullable<FlowRecord[K]> extends number ? K : never }[FlowColumnName];
type FlowShape = {
  [K in FlowColumnName]: K extends NumberColumn ? z.ZodOptional<z.ZodNumber> : z.ZodOptional<z.ZodString>;
};

/** The flow columns as members; the shape is read from FLOW_SCHEMA, so a new column needs no second list. */
function flowShape(): FlowShape {
  return Object.fromEntries(
    FLOW_SCHEMA.columns.map(({ name, kind, unit, meaning }) => {
      const value = kind === 'string' ? z.string() : kind === 'int32' ? z.int() : z.number();
      return [name, say(value.optional(), unit === '' ? meaning : `${meaning} Unit: ${unit}.`)];
    }),
  ) as FlowShape;
}

const flow = named(
  'flow',
  z.strictObject(flowShape()),
  'One row of the flow table, with the column names of flows.csv. A member is absent where the value is missing.',
);

const evidence = named(
  'evidence',
  z.discriminatedUnion('type', [
    z.strictObject({ id: evidenceId, type: z.literal('flow'), flow }),
    z.strictObject({
      id: evidenceId,
      type: z.literal('record'),
      row: say(z.int().min(1), 'Number of the row in the run, from 1, in the order in which rows were read.'),
      values: say(
        z.record(z.string(), z.union([z.number(), z.string()])),
        'Its columns by name; a member is absent where the value is missing.',
      ),
    }),
    z.strictObject({
      id: evidenceId,
      type: z.literal('measure'),
      detection: say(z.string(), 'Id of the detection that it speaks for.'),
      name: text('Dotted and stable, as in scan.targets.'),
      value: z.union([z.number(), z.string()]),
      unit: text("'hosts', 'ms', 'ratio', ... or ''."),
      threshold: say(z.number().optional(), 'What the value was compared with.'),
      contribution: say(z.number().optional(), 'Share of the score that it carried.'),
      sentence: text('The measure in words.'),
    }),
  ]),
  'What claims cite: a flow, a row of a table, or a number that was measured.',
);

const detection = named(
  'detection',
  z.strictObject({
    id: evidenceId,
    kind: text('Dotted, as in scan.horizontal.'),
    detector: z.string(),
    actor: text('Address of the host whose behaviour this is.'),
    peers: say(z.array(z.string()), 'Addresses on the other side, most involved first, at most 50.'),
    peerCount: count('How many there are in truth.'),
    port: say(z.int().min(0).optional(), 'Responder port, where it is about one.'),
    protocol: z.string().optional(),
    service: z.string().optional(),
    first: time('Start of the first flow'),
    last: time('Time of the last flow'),
    score: share('0 ordinary to 1 strange.'),
    flowCount: count('Flows involved in truth.'),
    recordCount: say(z.int().min(0).optional(), 'Rows of tables involved in truth, where it rests on such.'),
    evidence: say(z.array(evidenceId), 'Ids of its evidence.'),
  }),
  'What one detector found.',
);

const claim = named(
  'claim',
  z.strictObject({
    text: z.string(),
    cites: say(z.array(evidenceId).min(1), 'Evidence of the same incident that the sentence rests on.'),
  }),
  'One sentence that can be checked.',
);

const opinionClaim = named(
  'opinionClaim',
  z.strictObject({
    text: text('Text from the network stands in it as a reference such as {{dns:3}}.'),
    cites: say(z.array(z.string()).min(1), 'Evidence of the incident, or context facts of the opinion.'),
  }),
  'One sentence of a language model that was checked against what it cites.',
);

const opinion = named(
  'opinion',
  z.strictObject({
    by: text('The model, as configured.'),
    provider: z.string(),
    place: say(z.enum(['machine', 'network', 'remote']), 'Where it runs: on this machine, in this network, elsewhere.'),
    persona: text('Id and version of the persona: technical-expert/1.'),
    outcome: text("'answer', or why there is none: 'timeout', 'truncated', 'invalid', 'leaked', 'unsupported', ..."),
    message: say(z.string().optional(), 'Why there is none.'),
    hint: say(z.string().optional(), 'What may help.'),
    verdict: say(
      z
        .strictObject({
          assessment: z.enum(ASSESSMENTS),
          confidence: share('0 to 1.'),
          hypothesis: text('What it looks like.'),
          action: z.enum(ACTIONS),
          techniques: z.array(z.string()),
          whatHappened: z.array(opinionClaim),
          whyItMatters: z.array(opinionClaim),
          whatToDoFirst: z.array(opinionClaim),
          whatToDoNext: z.array(opinionClaim),
          whatWouldMakeItInnocent: z.array(opinionClaim),
          questions: z.array(z.string()),
          sections: z.array(z.strictObject({ id: z.string(), claims: z.array(opinionClaim) })),
        })
        .optional(),
      'What passed the check; absent without an answer.',
    ),
    disagreements: say(z.array(z.string()), 'Where it sees things otherwise than the rules.'),
    context: say(z.array(z.strictObject({ id: z.string(), text: z.string() })), 'Context facts that it cites.'),
    references: say(
      z.array(z.strictObject({ mark: z.string(), meaning: z.string(), text: z.string() })),
      'What its references stand for: text from the network.',
    ),
    claimsKept: count('Claims and questions that passed the check.'),
    claimsDropped: count('Claims and questions that were left out.'),
    problems: say(z.record(z.string(), z.int().min(1)), 'For what kinds of problems, with how many claims.'),
    schemaValid: say(z.boolean().optional(), 'Whether its first answer had the form that was asked for.'),
    asked: count('How often it was asked.'),
    estimatedInputTokens: count('Of the first question.'),
    usage: z.strictObject({
      promptTokens: z.number().min(0).optional(),
      completionTokens: z.number().min(0).optional(),
      firstTokenMs: z.number().min(0).optional(),
      durationMs: z.number().min(0),
      tokensPerSecond: z.number().min(0).optional(),
      attempts: z.int().min(0),
    }),
  }),
  'What a language model thinks of the incident. It changes neither severity nor verdict.',
);

const verdict = named(
  'verdict',
  z.strictObject({
    by: text("'rules', or the name of a language model."),
    assessment: z.enum(ASSESSMENTS),
    confidence: share('0 to 1.'),
    hypothesis: text('What it looks like.'),
    action: z.enum(ACTIONS),
    whatHappened: z.array(claim),
    whyItMatters: z.array(claim),
    whatToDoFirst: z.array(claim),
    whatWouldMakeItInnocent: z.array(claim),
    opinions: say(z.array(opinion).optional(), 'What language models think beside it; absent where none was asked.'),
  }),
  'What the analyst says of the incident.',
);

const incident = named(
  'incident',
  z.strictObject({
    id: say(z.string().regex(/^inc-[0-9a-f]{12}$/), 'Stable: the same capture gives the same ids.'),
    rank: say(z.int().min(1), '1 is the most urgent.'),
    severity,
    urgency: say(z.number(), 'The sum of severitySteps, which the severity is read from.'),
    severitySteps: say(z.array(z.strictObject({ rule: z.string(), points: z.number() })), 'The sum, line by line.'),
    kind: text('Kind of the leading detection.'),
    title: text('One plain sentence.'),
    actors: z.array(hostReference),
    peers: say(z.array(hostReference), 'Most involved first, at most 50.'),
    peerCount: count('How many peers there are in truth.'),
    related: say(
      z.array(relatedIncident).max(10).optional(),
      'Incidents that share an actor and are near in time, or that show a flow which this one shows, most urgent first, at most 10; absent where there is none.',
    ),
    relatedCount: say(z.int().min(1).optional(), 'How many of them there are in truth; absent with related.'),
    techniques: z.array(technique),
    first: time('Start of the first flow'),
    last: time('Time of the last flow'),
    flowCount: count('Flows involved in truth; evidence holds a bounded choice of them.'),
    recordCount: say(
      z.int().min(0).optional(),
      'Rows of tables involved in truth, where it rests on such; evidence holds a bounded choice of them.',
    ),
    label: say(z.enum(['benign', 'malicious']).optional(), 'What a person said of it.'),
    notHidden: say(
      z.array(z.strictObject({ rule: z.string(), changes: z.array(z.string()) })).optional(),
      'Rules of suppressions that speak of it and did not hide it, with what has changed.',
    ),
    heldBack: say(z.literal(true).optional(), 'The alert budget was used up by more urgent incidents: it is no alert.'),
    detections: z.array(detection),
    evidence: z.array(evidence),
    proposals: say(
      z
        .array(
          z.strictObject({
            tool: z.enum(PROPOSAL_TOOLS),
            purpose: text('What it does, in one sentence.'),
            text: text('The rule, as the tool reads it.'),
            cites: say(z.array(evidenceId).min(1), 'Evidence that it rests on.'),
          }),
        )
        .optional(),
      'Rules made by code from the evidence, for a person to read and change. Nothing runs them.',
    ),
    verdict,
  }),
  'Detections that tell one story.',
);

const deviceSummary = named(
  'device',
  z.strictObject({
    mac: say(z.string().optional(), 'Hardware address, the latest of several; absent where none was seen.'),
    macKind: say(
      z.enum(['vendor', 'virtual', 'derived', 'randomised']).optional(),
      "Given by a vendor, by the host of a virtual machine, made of another interface's address, or made up.",
    ),
    macOrigin: say(
      z.string().optional(),
      'Software that gave a virtual address; the address that a derived one was made of.',
    ),
    vendor: say(z.string().optional(), 'To whom the IEEE gave the block of the hardware address.'),
    addresses: say(
      z.array(
        z.strictObject({
          address: z.string(),
          first: time('Of its earliest flow'),
          last: time('Of its latest flow'),
          claimed: say(z.boolean(), 'Whether the device itself said that it is its own (ARP, DHCP).'),
        }),
      ),
      'Network addresses it had, latest first.',
    ),
    names: say(
      z.array(
        z.strictObject({ name: z.string(), source: text('DHCP, NetBIOS, Windows, mDNS, LLMNR, DNS, TLS, HTTP.') }),
      ),
      'Names it gives itself, then those that others call it by. Text from the network.',
    ),
    roles: say(
      z.array(z.strictObject({ role: z.string(), reasons: z.array(z.string()) })),
      'What it probably is, likeliest first, and why.',
    ),
    software: say(z.array(z.string()), 'What its software calls itself. Text from the network.'),
    offers: say(z.array(z.string()), "Services it answered on, most used first, as in 'http/80'."),
    uses: say(z.array(z.string()), 'Services it used, most used first.'),
    frames: say(z.array(z.string()), 'Kinds of frames that belong to no flow and that it sent, as in LLDP.'),
    joined: say(
      z.array(
        z.strictObject({
          mac: z.string(),
          first: time('When it appeared'),
          last: time('When it fell silent'),
          score: share('How sure it is that it was the same device.'),
          evidence: z.array(z.string()),
        }),
      ),
      'Made-up hardware addresses that it had before, latest first, with what says so.',
    ),
    behind: say(z.string().optional(), 'Hardware address of the router behind which it stands.'),
    first: time('Of its earliest flow'),
    last: time('Of its latest flow'),
    flows: count('Flows it took part in.'),
    bytes: count('Bytes of these flows.'),
    baseline: say(
      z
        .strictObject({
          standing: z.enum(['approved', 'expired', 'proposed', 'unknown']),
          name: z.string().optional(),
          owner: z.string().optional(),
          role: z.string().optional(),
          importance: z.int().min(1).max(5).optional(),
        })
        .optional(),
      'How the baseline has it; absent without one.',
    ),
  }),
  'A device of the home network.',
);

const hostSummary = named(
  'host',
  z.strictObject({
    address: z.string(),
    home: z.boolean(),
    mac: z.string().optional(),
    flowsOut: count('Flows that it began.'),
    flowsIn: count('Flows that it answered or was asked for.'),
    bytesOut: count('Bytes that it sent.'),
    bytesIn: count('Bytes that it received.'),
    first: time('First seen'),
    last: time('Last seen'),
    services: say(z.array(z.string()), "Services it answered on, as in 'http/80'."),
    names: say(z.array(z.string()), 'Names it was called by. Text from the network.'),
  }),
  'A host, with what it did in this traffic.',
);

const timeline = named(
  'timeline',
  z.strictObject({
    start: time('Start of the first bucket'),
    bucketMs: say(z.number().min(0), 'Width of a bucket in ms.'),
    of: say(z.literal('rows').optional(), 'Where rows of a table are counted under flows; then there are no bytes.'),
    bytes: say(z.array(z.number().min(0)), 'Bytes in each bucket.'),
    flows: say(z.array(z.number().min(0)), 'Flows that began in each bucket.'),
  }),
  'Traffic over time.',
);

const valueMap = z.record(z.string(), z.union([z.number(), z.string()]));
const labelled = z.strictObject({ column: z.string(), share: share('Share of what sets the group apart.') });

const table = named(
  'table',
  z.strictObject({
    rows: count('Rows read.'),
    kept: count('Rows that the filters left.'),
    columns: z.array(
      z.strictObject({
        name: z.string(),
        kind: z.enum(['float64', 'int32', 'string']),
        unit: z.string(),
        missing: count('Rows without a value.'),
      }),
    ),
    features: z.array(
      z.strictObject({
        name: z.string(),
        weight: z.number(),
        missing: count('Kept rows without a value.'),
        min: z.number().optional(),
        median: z.number().optional(),
        max: z.number().optional(),
      }),
    ),
    filters: z.array(
      z.strictObject({ name: z.string(), mode: z.enum(['include', 'exclude']), dropped: count('Rows it dropped.') }),
    ),
    flags: z.array(
      z.strictObject({
        name: z.string(),
        severity,
        description: z.string(),
        rows: count('Rows it fired for.'),
        entities: count('How many of those who act it fired for; 0 where nobody said who acts.'),
      }),
    ),
    strangest: say(
      z.array(
        z.strictObject({
          row: z.int().min(1),
          score: share('0 ordinary to 1 strange.'),
          values: valueMap,
          contributions: z.array(
            z.strictObject({ feature: z.string(), value: z.number().optional(), contribution: z.number() }),
          ),
        }),
      ),
      'The rows that the model finds strangest, strangest first.',
    ),
    clusters: z
      .strictObject({
        rows: count('Rows that were given a group.'),
        measured: count('Rows whose distances to each other were all measured.'),
        best: say(z.int().min(2), 'The number of groups that parts them best.'),
        cuts: z.array(
          z.strictObject({
            k: z.int().min(2),
            silhouette: z.number().min(-1).max(1),
            clusters: z.array(
              z.strictObject({
                label: z.int().min(1),
                size: z.int().min(0),
                silhouette: z.number().min(-1).max(1),
                medoid: say(z.int().min(1), 'The row that stands for the group.'),
                influence: z.array(labelled),
              }),
            ),
          }),
        ),
        map: z.strictObject({
          stress: share("Kruskal's stress-1; 0 is exact."),
          points: z.array(
            z.strictObject({
              row: z.int().min(1),
              x: z.number(),
              y: z.number(),
              labels: say(z.array(z.int().min(1)), 'Its group in each cut.'),
            }),
          ),
        }),
        tree: z.strictObject({
          leaves: say(z.array(z.int().min(1)), 'Rows below each branch.'),
          joins: say(
            z.array(z.strictObject({ left: z.int().min(0), right: z.int().min(0), height: z.number().min(0) })),
            'In order of height: branches are 0 to n - 1, join i makes n + i.',
          ),
        }),
      })
      .optional(),
  }),
  'A table of any columns, with the features that were measured on it.',
);

/** The document itself, for whoever reads one back: `incidentsDocument.parse(JSON.parse(text))`. */
export const incidentsDocument = z.strictObject({
  schemaVersion: say(z.literal(INCIDENTS_SCHEMA_VERSION), 'Version of the shape of this document.'),
  run,
  oddities: say(z.array(oddity), 'Most frequent first.'),
  incidents: say(z.array(incident), 'Most urgent first.'),
  hosts: say(z.array(hostSummary), 'Most traffic first, at most 200.'),
  devices: say(
    z.array(deviceSummary).optional(),
    'Devices of the home network, by address, at most 500; absent where nobody looked for them.',
  ),
  deviceCount: say(z.int().min(0).optional(), 'How many devices there are in truth; absent with devices.'),
  timeline,
  table: say(table.optional(), 'What was found out about a table, where rows of one were analysed.'),
});
words.add(incidentsDocument, {
  title: 'Anomalyst incidents',
  description:
    'What Anomalyst found in network traffic: incidents most urgent first, each with its evidence and a verdict. Strings may hold text from the network: treat them as hostile.',
});

export type IncidentsDocument = z.infer<typeof incidentsDocument>;

/** The published JSON Schema of incidents.json (draft 2020-12), as text with a newline at its end. */
export function incidentsJsonSchema(): string {
  const schema = z.toJSONSchema(incidentsDocument, {
    target: 'draft-2020-12',
    metadata: words,
    unrepresentable: 'throw',
  });
  return `${JSON.stringify(schema, null, 2)}\n`;
}
