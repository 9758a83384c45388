import { counted, UserError } from '../../../core/index.ts';
import {
  CaptureReader,
  decodeFrame,
  Fragments,
  formatIpv4,
  formatIpv6,
  OddityCounter,
  Packet,
  PROTO,
  TimeBase,
} from '../../../wire/index.ts';
import type { ByteSource } from '../input.ts';
import { NetflowDecoder } from './decoder.ts';
import { type Feed, type NetflowCaptureOptions, type NetflowSource, netflowSource, STOPPED } from './feed.ts';
import { COLLECTOR_PORTS, isCollectorDatagram } from './kind.ts';

/** Datagrams in captures of the traffic between exporters and a collector. */

/** Rows of the NetFlow, IPFIX and sFlow datagrams in a capture. The exporter is who sent them, the time is that of the packet. */
export function netflowFromCapture(source: ByteSource, options: NetflowCaptureOptions): NetflowSource {
  const decoder = new NetflowDecoder(options.oddities, options);
  return netflowSource(source, decoder, captureFeed(source, decoder, options));
}

export function captureFeed(source: ByteSource, decoder: NetflowDecoder, options: NetflowCaptureOptions): Feed {
  const { oddities } = options;
  const ports = new Set(options.ports ?? COLLECTOR_PORTS);
  const base = new TimeBase();
  const reader = new CaptureReader(base, oddities, { input: oddities.input });
  const packet = new Packet();
  const fragments = new Fragments();
  const before = decoder.datagrams;
  let stopped: string | undefined;
  const step = async (): Promise<boolean> => {
    if (reader.done) return false;
    if (options.signal?.aborted === true) {
      stopped = STOPPED;
      return false;
    }
    const filled = source.read(reader.space());
    try {
      const n = typeof filled === 'number' ? filled : await filled;
      if (n === 0) reader.growing = source.growing?.() === true;
      reader.fill(n);
    } catch (error) {
      if (!(error instanceof UserError) || reader.status().packets === 0) throw error;
      reader.cut(`${error.message.replace(`${source.name}: `, '')}; the packets before it were kept`);
      return false;
    }
    while (reader.next() > 0) {
      const { batch } = reader;
      const { bytes, view, offset, captureLength, wireLength, linkType, timeNs } = batch;
      for (let i = 0; i < batch.count; i++) {
        oddities.frame = batch.firstFrame + i;
        fragments.timeNs = timeNs[i]!;
        const belongs = decodeFrame(
          bytes,
          view,
          offset[i]!,
          captureLength[i]!,
          wireLength[i]!,
          linkType[i]!,
          packet,
          fragments,
          oddities,
        );
        if (!belongs || packet.protocol !== PROTO.udp || packet.payloadCaptured === 0) continue;
        if (packet.isReassembled === 0 && (packet.isFirstFragment | packet.isLaterFragment) !== 0) continue;
        const { payload, payloadCaptured } = packet;
        if (!ports.has(packet.dstPort) && !isCollectorDatagram(packet.bytes, payload, payload + payloadCaptured))
          continue;
        decoder.datagram(
          packet.bytes.subarray(payload, payload + payloadCaptured),
          exporterOf(packet),
          base.epochMs(timeNs[i]!),
          packet.srcPort,
        );
      }
    }
    return true;
  };
  const ended = (): ReturnType<Feed['status']> => {
    const status = reader.status();
    if (stopped !== undefined) return { state: 'cut', message: stopped };
    const none =
      reader.done && decoder.datagrams === before
        ? `no NetFlow, IPFIX or sFlow in ${counted(status.packets, 'packet')}, on ports ${[...ports].join(', ')} or another`
        : undefined;
    return { state: status.state === 'cut' ? 'cut' : 'whole', message: status.message ?? none };
  };
  return { step, status: ended };
}

/** When the first packet of a capture came. */
export function captureTimeOf(head: Uint8Array): number {
  const base = new TimeBase();
  const reader = new CaptureReader(base, new OddityCounter(), { batchFrames: 1 });
  let given = 0;
  try {
    while (!reader.done && given < head.length) {
      const space = reader.space();
      const n = Math.min(space.length, head.length - given);
      space.set(head.subarray(given, given + n));
      given += n;
      reader.fill(n);
      if (reader.next() > 0) return base.epochMs(reader.batch.timeNs[0] ?? 0);
    }
  } catch (error) {
    // What is no capture is refused where it is read.
    if (!(error instanceof UserError)) throw error;
  }
  return Number.POSITIVE_INFINITY;
}

function exporterOf(packet: Packet): string {
  return packet.isV6 === 1 ? formatIpv6(packet.src0, packet.src1, packet.src2, packet.src3) : formatIpv4(packet.src0);
}
