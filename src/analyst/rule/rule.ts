import type { HypothesisName } from '../hypothesis.ts';
import type { Claim } from '../verdict.ts';
import type { View } from '../view.ts';

/** What the pattern itself says of intent: `hostile` has few innocent explanations, `ambiguous` many, `opinion` is no pattern at all. */
export type Nature = 'hostile' | 'ambiguous' | 'opinion';

/**
 * How incidents of a kind are explained, one entry of the table in `rule/index.ts`. Every text is plain English for the person who runs a small
 * network; every number in it is a fact of the evidence that it cites.
 */
export interface Explanation {
  /** A kind as in `scan.arp`, or the beginning of several, ending in a dot. The longest one that fits counts. */
  readonly prefix: string;
  readonly nature: (view: View) => Nature;
  readonly hypothesis: (view: View) => HypothesisName;
  readonly whatHappened: (view: View) => Claim[];
  readonly whyItMatters: (view: View) => Claim[];
  readonly whatToDoFirst: (view: View) => Claim[];
  readonly whatWouldMakeItInnocent: (view: View) => Claim[];
  /** What a detection of this kind adds to an incident that another one leads. */
  readonly inSupport: (view: View) => Claim[];
}
