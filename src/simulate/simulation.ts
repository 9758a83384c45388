import { numberAt, type Table, textAt } from '../core/index.ts';
import { bindFlows, FlowTable, type FlowTableOptions } from '../flow/index.ts';
import { type FrameBatch, OddityCounter, TimeBase } from '../wire/index.ts';
import { nameAttacks, startAttack } from './attack.ts';
import { Engine } from './engine.ts';
import { FrameMaker } from './frame-maker.ts';
import type { FlowLabel } from './label.ts';
import { Network } from './network.ts';
import { startOrdinary } from './ordinary.ts';
import { type Scenario, startSeconds } from './scenario.ts';
import { World } from './world.ts';

export interface SimulationOptions {
  /** Bytes kept of a frame; all of them when absent. */
  readonly snapLength?: number;
  /** Given every batch of frames, in time order; batch and bytes are valid during the call. */
  readonly onFrames?: (batch: FrameBatch, base: TimeBase) => void;
  /** Given the flows that these frames make, with a label for each row. Without it no flow table is kept. */
  readonly onFlows?: (table: Table, labels: readonly FlowLabel[]) => void;
  /** Of the flow table: the same as of the one that labels are joined with. */
  readonly flow?: Partial<FlowTableOptions>;
}

/**
 * One run of a scenario. The same scenario and seed make the same frames, byte for byte, on every machine; memory holds the processes that live (see `Engine`), not
 * what they have made.
 */
export class Simulation {
  readonly scenario: Scenario;
  readonly seed: number;
  readonly base = new TimeBase();
  readonly engine = new Engine();
  readonly network: Network;
  readonly wire: FrameMaker;
  /** Ids of the scenario's attacks, in order. */
  readonly attacks: readonly { readonly id: string; readonly kind: string }[];
  /** Flows so far by label. */
  readonly flowsByLabel = new Map<string, number>();
  #table: FlowTable | undefined;
  #marks = new Map<number, { readonly origin: number; packets: number }>();
  #endUs: number;

  /** Throws UserError for attacks on hosts that do not exist. */
  constructor(scenario: Scenario, seed: number, options: SimulationOptions = {}) {
    const { snapLength, onFrames, onFlows, flow = {} } = options;
    this.scenario = scenario;
    this.seed = seed;
    this.base.seconds = startSeconds(scenario);
    this.#endUs = scenario.duration * 1000;
    this.network = new Network(scenario, seed);
    const named = nameAttacks(scenario.attacks);
    this.attacks = named.map(({ id, attack }) => ({ id, kind: attack.kind }));
    this.wire = new FrameMaker((batch, origins) => {
      onFrames?.(batch, this.base);
      this.#label(batch, origins);
    }, snapLength);
    const world = new World(scenario, seed, this.engine, this.wire, this.network);
    startOrdinary(world);
    named.forEach((attack, i) => {
      startAttack(world, attack, i + 1);
    });
    if (onFlows !== undefined) {
      const table = new FlowTable(this.base, new OddityCounter(), flow);
      table.onTable = (rows) => onFlows(rows, this.#labels(rows));
      this.#table = table;
    }
  }

  /** How far the simulated clock is, 0 to 1. */
  get progress(): number {
    return Math.min(1, this.engine.now / this.#endUs);
  }

  /** Goes on for about so many frames. False when the scenario's time is over; then all has been handed over. */
  run(frames = 4096): boolean {
    const stop = this.wire.frames + frames;
    if (this.engine.run(this.#endUs, () => this.wire.frames >= stop)) return true;
    this.wire.flush();
    this.#table?.finish();
    return false;
  }

  #label(batch: FrameBatch, origins: Int32Array): void {
    const table = this.#table;
    if (table === undefined) return;
    table.onPacket = (_batch, i, _input, firstFrame) => {
      const origin = origins[i];
      if (origin === 0) return;
      const mark = this.#marks.get(firstFrame);
      if (mark === undefined) this.#marks.set(firstFrame, { origin, packets: 1 });
      else mark.packets++;
    };
    table.process(batch);
  }

  /** Labels of rows; marks of flows that are written are forgotten, so they are never more than the flows that live or wait in a batch. */
  #labels(table: Table): FlowLabel[] {
    const flows = bindFlows(table);
    const labels: FlowLabel[] = [];
    for (let row = 0; row < table.rowCount; row++) {
      const firstFrame = numberAt(flows.firstFrame, row) ?? 0;
      const mark = this.#marks.get(firstFrame);
      if (mark !== undefined) this.#marks.delete(firstFrame);
      const attack = mark === undefined ? undefined : this.attacks[mark.origin - 1];
      const label = attack?.kind ?? 'benign';
      this.flowsByLabel.set(label, (this.flowsByLabel.get(label) ?? 0) + 1);
      labels.push({
        firstFrame,
        startMs: numberAt(flows.startMs, row) ?? 0,
        endMs: numberAt(flows.endMs, row) ?? 0,
        protocol: textAt(flows.protocol, row) ?? '',
        initiator: textAt(flows.initiator, row) ?? '',
        initiatorPort: numberAt(flows.initiatorPort, row),
        responder: textAt(flows.responder, row) ?? '',
        responderPort: numberAt(flows.responderPort, row),
        communityId: textAt(flows.communityId, row),
        packets: (numberAt(flows.initiatorPackets, row) ?? 0) + (numberAt(flows.responderPackets, row) ?? 0),
        attackPackets: mark?.packets ?? 0,
        label,
        attack: attack?.id,
      });
    }
    return labels;
  }
}
