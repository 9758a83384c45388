import type { LiveSource } from '../io/index.ts';
import type { AnalysisResult } from '../report/index.ts';
import { type Analysis, type AnalyzeOptions, analyze } from './analyze.ts';

export interface AnalyzeLiveOptions extends Omit<AnalyzeOptions, 'inputs' | 'open'> {
  /** Analyses the packets up to this time (epoch ms) only; the later ones are left for the next call. */
  readonly endMs?: number;
}

/**
 * Analyses what a live source delivers, until it ends, the signal ends it, or a window of it is over: the same result as of a file with the same packets. How it was captured (drops, interruptions, only this
 * machine's traffic) stands with what could not be seen. Throws as `analyze` does.
 */
export async function analyzeLive(live: LiveSource, options: AnalyzeLiveOptions): Promise<Analysis> {
  const { endMs, ...rest } = options;
  const source = endMs === undefined ? live : live.window(endMs);
  const { result, parts, model } = await analyze({ ...rest, inputs: [live.name], open: () => source });
  const remarked = (of: AnalysisResult): AnalysisResult => ({
    ...of,
    run: { ...of.run, blindSpots: [...live.remarks(), ...of.run.blindSpots] },
  });
  return { result: remarked(result), parts: { ...parts, base: remarked(parts.base) }, model };
}

/** The end of the window that a time lies in: windows begin at whole multiples of their length, so that those of several runs and machines are the same. */
export function windowEnd(nowMs: number, lengthMs: number): number {
  return (Math.floor(nowMs / lengthMs) + 1) * lengthMs;
}
