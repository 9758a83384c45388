import type { Assessment } from '../../src/analyst/index.ts';

/** What an honest model would answer, made of nothing but the text that it is sent, as models have nothing else. */
export interface HonestAnswer {
  integrity: string;
  assessment: Assessment;
  hypothesis: string;
  techniques: string[];
  confidence: number;
  action: string;
  whatHappened: HonestClaim[];
  whyItMatters: HonestClaim[];
  whatToDoFirst: HonestClaim[];
  whatToDoNext: HonestClaim[];
  whatWouldMakeItInnocent: HonestClaim[];
  questions: string[];
  sections?: Record<string, HonestClaim[]>;
}

export interface HonestClaim {
  text: string;
  cites: string[];
}

/** Quotes the measures that it sees, word for word, and calls every incident suspicious. @param text the first message of the user */
export function honestAnswer(system: string, text: string): HonestAnswer {
  const [, integrity = ''] = /The code word is (\S+)\. /.exec(system) ?? [];
  const measures = [...text.matchAll(/^(m\d+) ([A-Z0-9].*?\.)(?: \(.*\))?(?: \[bound .*\])?$/gm)].map(
    ([, id = '', sentence = '']) => ({ text: sentence, cites: [id] }),
  );
  const [, detection = 'd1'] = /^(d\d+) /m.exec(text) ?? [];
  const advice = (words: string): HonestClaim => ({ text: words, cites: [detection] });
  const sections = [...system.matchAll(/^ {2}"([a-z0-9-]+)" \(/gm)].map(([, id = '']) => id);
  return {
    integrity,
    assessment: 'suspicious',
    hypothesis: 'unusual traffic',
    techniques: [],
    confidence: 0.6,
    action: 'investigate',
    whatHappened: measures.length > 0 ? measures.slice(0, 4) : [advice('This is unlike the rest of the traffic.')],
    whyItMatters: [advice('It may be a sign of an intruder.')],
    whatToDoFirst: [advice('Ask the owner of the machine.')],
    whatToDoNext: [],
    whatWouldMakeItInnocent: [advice('It may be a task that was planned.')],
    questions: [],
    ...(sections.length === 0
      ? {}
      : { sections: Object.fromEntries(sections.map((id) => [id, [advice('Ask the owner of the machine.')]])) }),
  };
}
