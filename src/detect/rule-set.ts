/**
 * Rule sets that ship: definitions of flags in YAML (docs/features.md), asked of every flow beside the detectors. They are data that a user copies and edits; nothing in them is run as code.
 */
export interface RuleSet {
  readonly name: string;
  readonly summary: string;
  readonly yaml: string;
}

/** The cascade of rules of an older tool, each with its error and how it was mended in the comment before it. */
const CLASSIC = `# Classic rules: ports, sizes, durations and hours, as an older tool had them in a cascade, with its errors mended.
#
#   anomalyst rules show classic > mine.yaml     # copy and edit
#   anomalyst rules check mine.yaml
#   anomalyst analyze office.pcap --rules mine.yaml
#
# Of the cascade as a whole:
#   - The first rule that fitted won, so that a flow that broke four rules was reported for one. Here every rule is asked.
#   - Hours were those of the clock on the wall of whoever ran it. Here they are those of the traffic, in the zone below.
#   - What fitted no rule was a "behavioural anomaly". Such a rule finds everything and says nothing: it is left out; what a model finds strange is reported as that.
#   - Rules looked at single packets without addresses. Here they look at flows, know who began them, and count over hosts.
zone: UTC

flags:
  # Was two rules, for either port of the record. A program picks the port that it calls from by chance, and 1337 or 9999 is one of them: only the port that was called counts, and
  # only where somebody answered there, on a protocol that content does not show to be another one.
  - name: suspicious port
    when: responderPort in (1337, 6666, 9999, 12345, 31337, 54321) and outcome == "answered" and (service is missing or serviceBasis != "content")
    severity: low
    technique: T1571
    message: 'an answered connection to port {responderPort}'

  # Was: more than 2,000 bytes of TCP or 1,000 of anything else. Network cards join packets of TCP, and every video call and QUIC packet is larger than 1,000. What has no reason to be large is a ping.
  - name: large packets
    when: protocol in ("icmp", "icmpv6") and initiatorPackets >= 5 and initiatorPayloadBytes / initiatorPackets > 1000
    severity: low
    technique: T1095
    message: '{initiatorPackets} large ICMP packets, {initiatorPayloadBytes} bytes in all'

  # Was: more than one second (1.5 outside of business hours). Nearly every connection is longer. An hour outside of business hours, to another network, is worth a look.
  - name: long connection
    when: durationMs >= 1 h and (hour(startMs) < 7 or hour(startMs) >= 20 or weekday(startMs) >= 6) and not in_network(responder, "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16", "fc00::/7", "fe80::/10", "224.0.0.0/4", "ff00::/8")
    severity: info
    technique: T1571
    message: 'a connection of {durationMs} ms outside of business hours'

  # Was: anything but TCP, UDP and ICMP, so IPv6's ICMP, IGMP and every VPN. What counts are numbers of protocols that have no name.
  - name: unknown protocol
    when: protocol startswith "ip-"
    severity: low
    technique: T1095
    message: 'protocol {protocol}, which has no name'

  # Was: answers of web servers below 300 bytes and of SSH below 100. Every bare acknowledgement is. Connections that are opened again and again and carry nothing either way are not ordinary.
  - name: empty connections
    having: count(protocol == "tcp" and outcome == "answered" and initiatorPayloadBytes == 0 and responderPayloadBytes == 0) >= 30
    by: [initiator, responder]
    over: 10m
    severity: low
    message: '{initiator} opened connections to {responder} again and again and sent nothing'

  # Was: a port above 1,024, longer than 0.8 s, more than 500 bytes: most connections there are. What tells a program that reports to somebody is that it does so often and in equal sizes, to another network.
  - name: potential command and control
    having: count(outcome == "answered") >= 20 and sd(initiatorPayloadBytes) / mean(initiatorPayloadBytes) < 0.02 and mean(initiatorPayloadBytes) > 100 and not in_network(first(responder), "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16", "fc00::/7", "fe80::/10", "224.0.0.0/4", "ff00::/8") and count_distinct(responderPort) == 1 and first(protocol) == "tcp"
    by: [initiator, responder]
    over: 2h
    severity: low
    technique: T1071
    message: '{initiator} called {responder} again and again and sent as much each time'

  # Was: ports 80, 443 and 8080 over UDP, and port 22 over TCP: HTTP/3 is UDP on 443, and SSH is TCP on 22. The content says what does not belong there.
  - name: protocol and port mismatch
    when: serviceBasis == "content" and ((protocol == "tcp" and responderPort == 22 and service != "ssh") or (protocol == "tcp" and responderPort == 80 and service in ("ssh", "smb", "rdp", "ftp", "telnet", "irc")) or (protocol == "tcp" and responderPort == 443 and service in ("ssh", "smb", "rdp", "ftp", "telnet", "irc")))
    severity: low
    technique: T1571
    message: '{service} on port {responderPort}'

  # Was: more than 1,500 bytes from a service port outside of business hours, so every page that a telephone loads at night. Much that leaves at night counts.
  - name: off-hours activity
    when: initiatorPayloadBytes > 50 MB and initiatorPayloadBytes > 4 * responderPayloadBytes and (hour(startMs) < 7 or hour(startMs) >= 20 or weekday(startMs) >= 6) and not in_network(responder, "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7", "fe80::/10")
    severity: medium
    technique: T1048.002
    message: '{initiatorPayloadBytes} bytes sent out outside of business hours'

  # Was: a small and short record on a port above 1,024, so every question to the DNS. A scan is many ports of one host, or many hosts, within a short time, without an answer.
  - name: potential port scan
    having: count_distinct(responderPort) >= 20 and share(outcome == "unanswered" or outcome == "refused") > 0.8
    by: [initiator, responder]
    over: 1m
    severity: medium
    technique: T1046
    message: '{initiator} tried {count_distinct(responderPort)} ports of {responder}'
`;

export const RULE_SETS: readonly RuleSet[] = [
  { name: 'classic', summary: 'ports, sizes, durations and hours, as older tools have them, mended', yaml: CLASSIC },
];

/** The rule set of that name; undefined where none ships. */
export function ruleSet(name: string): RuleSet | undefined {
  return RULE_SETS.find((set) => set.name === name);
}
