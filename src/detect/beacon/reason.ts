import { counted, humanBytes, humanCount, humanDuration } from '../../core/index.ts';
import { popularRank } from '../../feature/index.ts';
import type { Reason } from '../detection.ts';
import type { Connection } from './pairs.ts';
import { round3 } from './rita-score.ts';
import { CHANCE_JITTER, type Judged, NO_PERIOD, PART_WEIGHT } from './window.ts';

/** What a series of connections says for itself, as reasons of a detection. */

/**
 * The contributions of the evenness of intervals (two), sizes, coverage and histogram add up to the RITA score, and with that of the confidence to the
 * detection's score. Rounding to three decimals falls to the last of each sum.
 */
export function reasonsOf(
  judged: Judged,
  all: readonly Connection[],
  named: boolean,
  what: 'calls' | 'attempts',
): Reason[] {
  const { rita, jitter, logP, medianMs, madMs, intervals, connections, events, spanMs, datasetMs } = judged;
  const skewShare = 0.125 * (1 - Math.abs(rita.intervals.skewness));
  const madShare = 0.25 * rita.ts - skewShare;
  const sizeShare = 0.25 * rita.ds;
  const durationShare = 0.25 * rita.dur;
  const histogramShare = rita.score - (skewShare + madShare + sizeShare + durationShare);
  const percent = (x: number): string => `${Math.round(100 * x)} %`;
  const together = events === connections.length ? '' : `, in ${humanCount(events)} bursts of less than a second apart`;
  const isWhole = all.length === connections.length;
  const allMs = isWhole ? spanMs : (all[all.length - 1]?.startMs ?? Number.NaN) - (all[0]?.startMs ?? Number.NaN);
  const scored = isWhole
    ? ''
    : `, ${humanCount(connections.length)} times ${judged.window === 'day' ? 'on the day' : 'in the time'} that is scored`;
  return [
    {
      name: 'beacon.connections',
      value: all.length,
      unit: 'connections',
      threshold: 4,
      sentence: `It ${what === 'calls' ? 'connected' : 'tried in vain to connect'} ${humanCount(all.length)} times to the same ${named ? 'server name' : 'address and port'} within ${humanDuration(allMs)}${scored}${together}.`,
    },
    {
      name: 'beacon.interval-median',
      value: round3(medianMs),
      unit: 'ms',
      sentence: `Half of the ${counted(intervals, 'interval')} between connections are longer than ${humanDuration(medianMs)}, half are shorter.`,
    },
    {
      name: 'beacon.interval-deviation',
      value: round3(madMs),
      unit: 'ms',
      contribution: madShare,
      sentence: `Half of the intervals differ from that by less than ${humanDuration(madMs)}.`,
    },
    {
      name: 'beacon.interval-skewness',
      value: round3(rita.intervals.skewness),
      unit: 'ratio',
      contribution: skewShare,
      sentence:
        rita.intervals.skewness === 0
          ? 'The intervals do not lean to the short or the long side, or differ too little to tell.'
          : `The intervals lean to the ${rita.intervals.skewness > 0 ? 'long' : 'short'} side (skewness ${rita.intervals.skewness.toFixed(2)}; 0 is even, 1 is extreme).`,
    },
    {
      name: 'beacon.jitter',
      value: round3(jitter),
      unit: 'ratio',
      threshold: CHANCE_JITTER,
      sentence: `The intervals vary by ${percent(jitter)} of what they usually last beyond a second; connections at random times vary by about ${percent(CHANCE_JITTER)}.`,
    },
    {
      name: 'beacon.period',
      value: Number((10 ** Math.max(-300, logP)).toPrecision(2)),
      unit: 'p-value',
      threshold: 10 ** NO_PERIOD,
      sentence:
        logP <= -6
          ? 'A period explains the intervals; that chance makes them so is less likely than one in a million.'
          : `A period explains the intervals; that chance makes them so has a probability of at most ${(100 * 10 ** logP).toPrecision(1)} %.`,
    },
    {
      name: 'beacon.sizes',
      value: rita.sizes?.median ?? 0,
      unit: 'bytes',
      contribution: sizeShare,
      sentence:
        rita.sizes === undefined
          ? 'How much it sent is not known.'
          : `It usually sent ${humanBytes(rita.sizes.median)} at a time; half of the times it was within ${humanBytes(rita.sizes.mad)} of that.`,
    },
    {
      name: 'beacon.coverage',
      value: datasetMs > 0 ? Math.min(1, round3(spanMs / datasetMs)) : 0,
      unit: 'ratio 0..1',
      contribution: durationShare,
      sentence: `It went on for ${humanDuration(spanMs)} of the ${humanDuration(datasetMs)} that were looked at.`,
    },
    ...windowReason(judged),
    {
      name: 'beacon.histogram',
      value: rita.bars,
      unit: 'of 24 parts',
      contribution: histogramShare,
      sentence: `Of 24 equal parts of that time, ${rita.bars} hold connections; the longest run without a gap is ${counted(rita.longestRun, 'part')}.`,
    },
    {
      name: 'beacon.score',
      value: rita.score,
      unit: 'score 0..1',
      sentence: `The beacon score after RITA 5 is ${rita.score.toFixed(3)}.`,
    },
    {
      name: 'beacon.confidence',
      value: round3(judged.confidence),
      unit: 'ratio 0..1',
      contribution: judged.score - rita.score,
      sentence:
        judged.confidence >= 1
          ? `With ${counted(intervals, 'interval')} of this evenness the score counts in full.`
          : `With ${counted(intervals, 'interval')} of this evenness the score counts for ${percent(judged.confidence)} only.`,
    },
  ];
}

/** Which time is scored, where it is no day. */
function windowReason({ window, datasetMs, inputMs }: Judged): Reason[] {
  if (window === 'day') return [];
  return [
    {
      name: 'beacon.window',
      value: Math.round(datasetMs),
      unit: 'ms',
      sentence:
        window === 'all'
          ? `No single day shows the rhythm as well; scored is the whole input of ${humanDuration(inputMs)}.`
          : window === 'recording'
            ? `The input of ${humanDuration(inputMs)} is several recordings with hours of silence between them; scored is the one of ${humanDuration(datasetMs)} that shows the rhythm best.`
            : `Of the ${humanDuration(inputMs)} of the input, the ${humanDuration(datasetMs)} in which it kept going are scored, for ${Math.round(100 * PART_WEIGHT)} % of the score.`,
    },
  ];
}

/** How many of the series that were tried together chance would have made as even. */
export function byChanceReason(tried: number, byChance: number, threshold: number): Reason {
  const value = Number(byChance.toPrecision(2));
  return {
    name: 'beacon.by-chance',
    value,
    unit: 'series',
    threshold,
    sentence: `${tried === 1 ? 'It is the only series of few calls to a place' : `It is one of ${counted(tried, 'series', 'series')} of few calls to places`} that hardly anybody else calls; chance alone would make at most ${value} of them so even. A timer of an honest program would do the same.`,
  };
}

/** The name that was asked for, and whether it is a popular one. */
export function nameReasons(name: string | undefined): Reason[] {
  if (name === undefined) return [];
  const rank = popularRank(name);
  return [
    {
      name: 'beacon.name',
      value: name,
      unit: 'name',
      sentence: 'All connections ask for one server name, which stands beside this line.',
    },
    ...(rank === undefined
      ? []
      : [
          {
            name: 'beacon.popular',
            value: rank,
            unit: 'rank',
            sentence: `Its domain is on the list of popular ones, at rank ${humanCount(rank)}.`,
          },
        ]),
  ];
}
