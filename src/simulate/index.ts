/** Floor 3: a simulated network, frame by frame from a scenario and a seed, with the truth about every flow. It knows how traffic is written, and nothing of how it is judged. */

export { isSimulated, markPcap, SIMULATED_APPLICATION, simulatedComment } from '../wire/index.ts';
export { type NamedAttack, nameAttacks } from './attack.ts';
export * from './label.ts';
export * from './record.ts';
export * from './scenario.ts';
export * from './shipped.ts';
export * from './simulation.ts';
