/**
 * Makes test/fixture/incident: what the product finds in captures of ../shared/data, as the facts alone that a language model is told of: no packet, no text from the network.
 *
 *     node bench/checker-fixture.ts
 *
 * The sentences of test/support/model-sentences.ts are about these incidents.
 */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { isFixedValue } from '../src/analyst/index.ts';
import type { FlowRecord } from '../src/flow/index.ts';
import { type Evidence, isAddress } from '../src/incident/index.ts';
import { analyze, incidentContext } from '../src/pipeline/index.ts';
import { DATA } from './child.ts';

const FOLDER = fileURLToPath(new URL('../test/fixture/incident', import.meta.url));
const SCAN = 'malcolm/pcaps/plugins/bro-simple-scan';
const CAPTURES: readonly (readonly [name: string, path: string, rank?: number])[] = [
  ['arp-search', 'slips/dataset/test8-malicious.pcap'],
  ['ping-search', 'slips/dataset/test12-icmp-portscan.pcap'],
  ['ssh-guessing', 'slips/dataset/test19-malicious-ssh/malicious-ssh-bruteforce.pcap'],
  ['ssh-port', 'slips/dataset/test19-malicious-ssh/malicious-ssh-bruteforce.pcap', 2],
  ['tls-beacon', 'slips/dataset/test-cc/test-cc-capture-2.pcap'],
  ['smb-scan', `${SCAN}/445_scan.pcap`],
  ['web-scan', `${SCAN}/multiport_scan.pcap`],
  ['port-scan', `${SCAN}/port_scan.pcap`],
  ['syn-flood', 'stopddos/pkt.TCP.DOMINATE.syn.ecn.cwr.pcapng'],
  ['backscatter', `${SCAN}/backscatter.trace`],
  ['mail-theft', 'malcolm/pcaps/plugins/zeek-agenttesla-detector/db9f075c-7879-4957-923a-f79fac957a2d.pcap'],
  ['mail-password', 'malcolm/pcaps/plugins/zeek-agenttesla-detector/db9f075c-7879-4957-923a-f79fac957a2d.pcap', 2],
  ['dns-tunnel', 'dns-tunnel/tunnel/iodine-cname.pcap'],
  ['shell', 'wireshark-samples/dns-remoteshell.pcap'],
  ['mining', 'cryptomining/PCAPs/cgminer.s0.pcapng'],
  ['mining-pool', 'cryptomining/PCAPs/xmr.suprnova.cc.pcapng'],
];
/** Flows of an incident that are kept. */
const FLOWS = 4;
/** Texts of a flow that code chose; all others came from the network. */
const OWN_TEXTS: ReadonlySet<string> = new Set(
  'protocol initiator responder initiatorMac responderMac outcome login service'.split(' '),
);

function ownPart(item: Evidence): Evidence[] {
  if (item.type === 'flow')
    return [
      {
        ...item,
        flow: Object.fromEntries(
          Object.entries(item.flow).filter(([name, value]) => typeof value === 'number' || OWN_TEXTS.has(name)),
        ) as unknown as FlowRecord,
      },
    ];
  if (item.type === 'record') return [];
  const { value } = item;
  if (typeof value !== 'string' || isFixedValue(value) || isAddress(value)) return [item];
  return item.sentence.includes(value) ? [] : [{ ...item, value: 'text' }];
}

mkdirSync(FOLDER, { recursive: true });
for (const [name, path, rank = 1] of CAPTURES) {
  const scratchFolder = join(tmpdir(), `anomalyst-checker-${process.pid}`);
  mkdirSync(scratchFolder, { recursive: true });
  const { result } = await analyze({ inputs: [join(DATA, path)], scratchFolder });
  rmSync(scratchFolder, { recursive: true, force: true });
  const found = result.incidents.find((one) => one.rank === rank);
  if (found === undefined) throw new Error(`${path} has no incident ${rank}`);
  const { verdict: _rules, proposals: _proposals, ...incident } = found as typeof found & { proposals?: unknown };
  let flows = 0;
  const evidence = incident.evidence.flatMap(ownPart).filter(({ type }) => type !== 'flow' || flows++ < FLOWS);
  const ids = new Set(evidence.map(({ id }) => id));
  const detections = incident.detections.map((one) => ({
    ...one,
    evidence: one.evidence.filter((id) => ids.has(id)),
    peers: one.peers.slice(0, 40),
  }));
  const peers = incident.peers.slice(0, 40).map(({ address, home }) => ({ address, home }));
  const actors = incident.actors.map(({ address, home }) => ({ address, home }));
  const context = incidentContext(result, incident);
  const document = {
    name,
    capture: path,
    incident: { ...incident, actors, peers, detections, evidence },
    context: {
      usual: context.usual,
      hosts: (context.hosts ?? [])
        .filter(({ address }) => [...actors, ...peers].some((host) => host.address === address))
        .slice(0, 3)
        .map(({ vendor: _vendor, ...host }) => host),
    },
  };
  writeFileSync(join(FOLDER, `${name}.json`), `${JSON.stringify(document)}\n`);
  console.log(`${name}: ${incident.kind}, ${evidence.length} facts`);
}
