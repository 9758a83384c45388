import type { JudgedIncident } from '../analyst/index.ts';

/** What authors of flags, of rules of other sensors and of plugins say of an incident, in their words. */
export interface Said {
  /** 'Flag', 'Rule' or 'Plugin'. */
  readonly by: string;
  /** Text from outside, as it came: to be made safe wherever it is shown. */
  readonly text: string;
}

const AUTHORS: Readonly<Record<string, string>> = {
  'flag.message': 'Flag',
  'alert.signature': 'Rule',
  'plugin.message': 'Plugin',
};

/** Each text once, in the order of the evidence: that of the weightiest detection first. */
export function saidOf({ evidence }: JudgedIncident): Said[] {
  const said = new Map<string, Said>();
  for (const piece of evidence) {
    if (piece.type !== 'measure' || typeof piece.value !== 'string') continue;
    const by = AUTHORS[piece.name];
    if (by !== undefined)
      said.set(`${by} ${piece.value}`, said.get(`${by} ${piece.value}`) ?? { by, text: piece.value });
  }
  return [...said.values()];
}
