const UNREACHABLE = [
  'net-unreachable',
  'host-unreachable',
  'protocol-unreachable',
  'port-unreachable',
  'fragmentation-needed',
  'source-route-failed',
  'net-unknown',
  'host-unknown',
  'source-isolated',
  'prohibited',
  'prohibited',
  'net-unreachable',
  'host-unreachable',
  'prohibited',
  'prohibited',
  'prohibited',
];
const UNREACHABLE_V6 = [
  'no-route',
  'prohibited',
  'beyond-scope',
  'address-unreachable',
  'port-unreachable',
  'source-policy',
  'reject-route',
];

/** An ICMP error in a word: RFC 792, RFC 1812 section 5.2.7 and RFC 4443 section 3. 'icmp-<type>' for what these don't name. */
export function icmpErrorName(type: number, code: number, isV6: boolean): string {
  if (isV6) {
    if (type === 1) return UNREACHABLE_V6[code] ?? 'unreachable';
    if (type === 2) return 'packet-too-big';
    if (type === 3) return 'time-exceeded';
    if (type === 4) return 'parameter-problem';
    if (type === 137) return 'redirect';
    return `icmp-${type}`;
  }
  if (type === 3) return UNREACHABLE[code] ?? 'unreachable';
  if (type === 4) return 'source-quench';
  if (type === 5) return 'redirect';
  if (type === 11) return 'time-exceeded';
  if (type === 12) return 'parameter-problem';
  return `icmp-${type}`;
}
