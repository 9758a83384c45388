import type { Knowledge } from './knowledge.ts';
import { ADDRESS, type Add, normal } from './words.ts';

const AT = ADDRESS.source;

/** Which host is whose, and advice that only makes sense for a host at home, or for one outside. */
export function checkPlaces(sentence: string, { home }: Knowledge, add: Add): void {
  const mixed = new Set(home.values()).size === 2;
  const each = (pattern: string, isHome: boolean, message: (address: string) => string): void => {
    for (const match of sentence.matchAll(new RegExp(pattern, 'gi'))) {
      const address = match[1] ?? '';
      const known = home.get(normal(address));
      if (known !== undefined && known !== isHome) add('claim.place', message(address));
    }
  };
  const inside = (address: string): string => `'${address}' is not in the home network.`;
  const outside = (address: string): string => `'${address}' is in the home network.`;
  const NEAR = '(?:[^.;]{0,12}?)';
  each(
    `(${AT})[, (]+(?:is |was )?(?:an? )?(?:host|machine|computer|device|system|server|address)? ?(?:of|in|on|inside) (?:your|the home|our|the internal) network`,
    true,
    inside,
  );
  each(
    `(${AT})[, (]+(?:is |was )?(?:an? )?(?:internal|home|local) (?:host|machine|computer|device|system|server|address)`,
    true,
    inside,
  );
  each(
    `(${AT})[, (]+(?:is |was )?(?:an? )?(?:host |machine |computer |system |server |address )?outside`,
    false,
    outside,
  );
  each(
    `(${AT})[, (]+(?:is |was )?(?:an? )?(?:external|foreign|remote|outside) (?:host|machine|computer|system|server|address)`,
    false,
    outside,
  );
  each(
    `\\b(?:internal|home|local|inside) (?:host|machine|computer|device|system|server|address) (${AT})`,
    true,
    inside,
  );
  each(
    `\\b(?:external|foreign|outside) (?:host|machine|computer|device|system|server|address) (${AT})`,
    false,
    outside,
  );
  if (!mixed) return;
  each(
    `\\b(?:take|isolate|disconnect|unplug|remove)${NEAR}(${AT})${NEAR} (?:off|from) (?:the|your) network`,
    true,
    inside,
  );
  each(`\\bwho (?:uses|owns|sits at) (${AT})`, true, inside);
  each(`\\bon (${AT}),? (?:find|look|search|check|identify)`, true, inside);
  each(`\\bblock (${AT})(?!\\.\\d| (?:from|at the switch|at its))`, false, outside);
  each(`\\bkeep (${AT}) (?:as it is|running|switched on)`, true, inside);
  each(
    `(${AT})(?: itself)? (?:(?:may|might|could|can|is|was|has) )*(?:be |been )?(?:already )?(?:be )?(?:infected|controlled|taken over|under somebody)`,
    true,
    inside,
  );
  each(`\\bwhom (${AT})[^.]{0,40}belongs? to`, false, outside);
}
