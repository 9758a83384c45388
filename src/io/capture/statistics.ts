/** What a capture program says of itself on standard error. */
export interface ProgramStatistics {
  /** Packets that the program handed on. */
  readonly captured: number;
  /** Packets that passed the filter in the kernel; undefined where the program does not say. */
  readonly received: number | undefined;
  /** Packets that the kernel had to throw away because its ring was full. */
  readonly kernelDropped: number;
  /** Packets that the network card or its driver threw away. */
  readonly interfaceDropped: number;
  /** Packets that the program itself threw away between the kernel and us. */
  readonly programDropped: number;
}

const TCPDUMP_COUNT = /(\d{1,15}) packets? (captured|received by filter|dropped by kernel|dropped by interface)/g;
const DUMPCAP_COUNT =
  /Packets received\/dropped on interface '[^\n]*': (\d{1,15})\/\d{1,15} \(pcap:(\d{1,15})\/dumpcap:(\d{1,15})\/flushed:(\d{1,15})\/ps_ifdrop:(\d{1,15})\)/;

/**
 * The counters in a line, or in the lines of the end, of tcpdump ('50 packets captured, 50 packets received by filter, ...') or dumpcap
 * ("Packets received/dropped on interface 'eth0': 50/0 (pcap:0/...)"); undefined when there are none. The last ones win.
 */
export function parseStatistics(text: string): ProgramStatistics | undefined {
  const dumpcap = DUMPCAP_COUNT.exec(text);
  if (dumpcap !== null) {
    const [captured = 0, kernel = 0, program = 0, flushed = 0, card = 0] = dumpcap.slice(1).map(Number);
    return {
      captured,
      received: undefined,
      kernelDropped: kernel,
      interfaceDropped: card,
      programDropped: program + flushed,
    };
  }
  const counts = new Map<string, number>();
  for (const match of text.matchAll(TCPDUMP_COUNT)) counts.set(match[2] ?? '', Number(match[1]));
  const captured = counts.get('captured');
  if (captured === undefined) return undefined;
  return {
    captured,
    received: counts.get('received by filter'),
    kernelDropped: counts.get('dropped by kernel') ?? 0,
    interfaceDropped: counts.get('dropped by interface') ?? 0,
    programDropped: 0,
  };
}
