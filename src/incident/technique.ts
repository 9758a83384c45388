import type { Technique } from './incident.ts';

/** The ATT&CK techniques (Enterprise matrix, v17) that an incident can carry. Every one is chosen by a fact; `kind.ts` says which. */
const TECHNIQUE_LIST = [
  { id: 'T1003.002', name: 'OS Credential Dumping: Security Account Manager', tactic: 'Credential Access' },
  { id: 'T1003.003', name: 'OS Credential Dumping: NTDS', tactic: 'Credential Access' },
  { id: 'T1003.004', name: 'OS Credential Dumping: LSA Secrets', tactic: 'Credential Access' },
  { id: 'T1003.006', name: 'OS Credential Dumping: DCSync', tactic: 'Credential Access' },
  { id: 'T1018', name: 'Remote System Discovery', tactic: 'Discovery' },
  { id: 'T1021.001', name: 'Remote Services: Remote Desktop Protocol', tactic: 'Lateral Movement' },
  { id: 'T1021.002', name: 'Remote Services: SMB/Windows Admin Shares', tactic: 'Lateral Movement' },
  { id: 'T1021.003', name: 'Remote Services: Distributed Component Object Model', tactic: 'Lateral Movement' },
  { id: 'T1021.004', name: 'Remote Services: SSH', tactic: 'Lateral Movement' },
  { id: 'T1021.005', name: 'Remote Services: VNC', tactic: 'Lateral Movement' },
  { id: 'T1021.006', name: 'Remote Services: Windows Remote Management', tactic: 'Lateral Movement' },
  { id: 'T1046', name: 'Network Service Discovery', tactic: 'Discovery' },
  { id: 'T1047', name: 'Windows Management Instrumentation', tactic: 'Execution' },
  { id: 'T1048.002', name: 'Exfiltration Over Asymmetric Encrypted Non-C2 Protocol', tactic: 'Exfiltration' },
  { id: 'T1048.003', name: 'Exfiltration Over Unencrypted Non-C2 Protocol', tactic: 'Exfiltration' },
  { id: 'T1049', name: 'System Network Connections Discovery', tactic: 'Discovery' },
  { id: 'T1053.005', name: 'Scheduled Task/Job: Scheduled Task', tactic: 'Execution' },
  { id: 'T1059', name: 'Command and Scripting Interpreter', tactic: 'Execution' },
  { id: 'T1070.001', name: 'Indicator Removal: Clear Windows Event Logs', tactic: 'Defense Evasion' },
  { id: 'T1071', name: 'Application Layer Protocol', tactic: 'Command and Control' },
  { id: 'T1071.001', name: 'Application Layer Protocol: Web Protocols', tactic: 'Command and Control' },
  { id: 'T1071.002', name: 'Application Layer Protocol: File Transfer Protocols', tactic: 'Command and Control' },
  { id: 'T1071.003', name: 'Application Layer Protocol: Mail Protocols', tactic: 'Command and Control' },
  { id: 'T1071.004', name: 'Application Layer Protocol: DNS', tactic: 'Command and Control' },
  { id: 'T1087.002', name: 'Account Discovery: Domain Account', tactic: 'Discovery' },
  { id: 'T1095', name: 'Non-Application Layer Protocol', tactic: 'Command and Control' },
  { id: 'T1110.001', name: 'Brute Force: Password Guessing', tactic: 'Credential Access' },
  { id: 'T1110.003', name: 'Brute Force: Password Spraying', tactic: 'Credential Access' },
  { id: 'T1112', name: 'Modify Registry', tactic: 'Defense Evasion' },
  { id: 'T1135', name: 'Network Share Discovery', tactic: 'Discovery' },
  { id: 'T1187', name: 'Forced Authentication', tactic: 'Credential Access' },
  { id: 'T1200', name: 'Hardware Additions', tactic: 'Initial Access' },
  { id: 'T1207', name: 'Rogue Domain Controller', tactic: 'Defense Evasion' },
  { id: 'T1210', name: 'Exploitation of Remote Services', tactic: 'Lateral Movement' },
  { id: 'T1486', name: 'Data Encrypted for Impact', tactic: 'Impact' },
  { id: 'T1496.001', name: 'Resource Hijacking: Compute Hijacking', tactic: 'Impact' },
  { id: 'T1498.001', name: 'Network Denial of Service: Direct Network Flood', tactic: 'Impact' },
  { id: 'T1498.002', name: 'Network Denial of Service: Reflection Amplification', tactic: 'Impact' },
  { id: 'T1499.001', name: 'Endpoint Denial of Service: OS Exhaustion Flood', tactic: 'Impact' },
  { id: 'T1499.002', name: 'Endpoint Denial of Service: Service Exhaustion Flood', tactic: 'Impact' },
  {
    id: 'T1557.001',
    name: 'Adversary-in-the-Middle: LLMNR/NBT-NS Poisoning and SMB Relay',
    tactic: 'Credential Access',
  },
  { id: 'T1557.002', name: 'Adversary-in-the-Middle: ARP Cache Poisoning', tactic: 'Credential Access' },
  { id: 'T1557.003', name: 'Adversary-in-the-Middle: DHCP Spoofing', tactic: 'Credential Access' },
  { id: 'T1558.003', name: 'Steal or Forge Kerberos Tickets: Kerberoasting', tactic: 'Credential Access' },
  { id: 'T1558.004', name: 'Steal or Forge Kerberos Tickets: AS-REP Roasting', tactic: 'Credential Access' },
  { id: 'T1568.002', name: 'Dynamic Resolution: Domain Generation Algorithms', tactic: 'Command and Control' },
  { id: 'T1569.002', name: 'System Services: Service Execution', tactic: 'Execution' },
  { id: 'T1570', name: 'Lateral Tool Transfer', tactic: 'Lateral Movement' },
  { id: 'T1571', name: 'Non-Standard Port', tactic: 'Command and Control' },
  { id: 'T1572', name: 'Protocol Tunneling', tactic: 'Command and Control' },
  { id: 'T1573', name: 'Encrypted Channel', tactic: 'Command and Control' },
  { id: 'T1595', name: 'Active Scanning', tactic: 'Reconnaissance' },
  { id: 'T1595.001', name: 'Active Scanning: Scanning IP Blocks', tactic: 'Reconnaissance' },
] as const satisfies readonly Technique[];

export type TechniqueId = (typeof TECHNIQUE_LIST)[number]['id'];

/** What a technique is in the traffic: the fact that it is chosen for. */
const FACTS: Readonly<Record<TechniqueId, string>> = {
  'T1003.002': 'Secrets of the account database (SAM) are read over the network',
  'T1003.003': 'The database of domain accounts is read',
  'T1003.004': 'Secrets of the local security authority are read over the network',
  'T1003.006': 'Replication of domain accounts is asked for, which only domain controllers do',
  T1018: 'It looks for hosts, not for services',
  'T1021.001': 'A Remote Desktop session to another host',
  'T1021.002': 'Files or pipes of another Windows host are used with its own file sharing',
  'T1021.003': 'Objects on another host are made and called (DCOM)',
  'T1021.004': 'An SSH session to another host',
  'T1021.005': 'A VNC session to another host',
  'T1021.006': 'Commands on another host by Windows Remote Management',
  T1046: 'Ports are tried to see which services answer',
  T1047: 'A program is started on another host by WMI',
  'T1048.002': 'Data leaves through an encrypted channel of its own',
  'T1048.003': 'Data leaves through a channel that is not encrypted',
  T1049: 'Sessions of another host are listed',
  'T1053.005': 'A task is scheduled on another host',
  T1059: 'A command shell is used over the network',
  'T1070.001': 'Event logs of a host are cleared',
  T1071: 'Calls home in an application protocol',
  'T1071.001': 'Calls home that look like web traffic',
  'T1071.002': 'Calls home by file transfer',
  'T1071.003': 'Calls home by mail',
  'T1071.004': 'Calls home in the DNS',
  'T1087.002': 'Accounts of the domain are listed',
  T1095: 'Calls home without any known application protocol',
  'T1110.001': 'Many logins to few hosts, as guessing makes',
  'T1110.003': 'The same logins are tried at many hosts or accounts',
  T1112: 'The registry of another host is changed',
  T1135: 'Shared folders of another host are listed',
  T1187: 'A host is made to log in to another one',
  T1200: 'A device that does not belong to the network',
  T1207: 'A host acts as a domain controller that it is not',
  T1210: 'A flaw of a remote service is used',
  T1486: 'Documents of a share get one new ending, one after the other',
  'T1496.001': 'Computing time is used for mining',
  'T1498.001': 'More packets than the target can take are sent to it straight',
  'T1498.002': 'Answers to requests with a forged sender flood the target',
  'T1499.001': 'Half-open connections use up what the target has for new ones',
  'T1499.002': 'A service is asked until it has nothing left to give',
  'T1557.001': 'A host answers for names of others by LLMNR or NetBIOS',
  'T1557.002': 'Addresses of others are claimed by ARP',
  'T1557.003': 'A second DHCP server tells clients where to send their traffic',
  'T1558.003': 'Tickets to services of accounts are asked for in the cipher that is quickest to guess',
  'T1558.004': 'Logins are begun under many names in the cipher that is quickest to guess, and no key is shown',
  'T1568.002': 'Names that a program made up are asked for',
  'T1569.002': 'A service is made or started on another host',
  T1570: 'A program is copied to another host',
  T1571: 'The content is of a protocol that has another port',
  T1572: 'Traffic is carried inside another protocol',
  T1573: 'The channel is encrypted',
  T1595: 'Ports of a host are tried across the border of the network',
  'T1595.001': 'Addresses are tried one after the other across the border of the network',
};

/** The fact that a technique is chosen for, without a full stop. */
export function techniqueFact(id: TechniqueId): string {
  return FACTS[id];
}

/** In order of id. */
export const TECHNIQUES: readonly Technique[] = TECHNIQUE_LIST;

/** The techniques of these ids, each once, in order of id. One that others named and that is not in the list has its id alone; what is no id is left out. */
export function techniquesOf(ids: Iterable<string>): Technique[] {
  const wanted = new Set([...ids].filter((id) => /^T\d{4}(?:\.\d{3})?$/.test(id)));
  const known = TECHNIQUES.filter((technique) => wanted.delete(technique.id));
  return [...known, ...[...wanted].map((id) => ({ id, name: 'named by an author', tactic: '' }))].sort((a, b) =>
    a.id < b.id ? -1 : 1,
  );
}
