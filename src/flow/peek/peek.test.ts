import { expect, it } from 'vitest';
import { OddityCounter } from '../../wire/index.ts';
import { NameBudget } from '../names.ts';
import { PeekContext } from './peek.ts';

class State {
  value = 0;
}

it('4,096 flows may have the state of a decoder; the oldest gives way', () => {
  const oddities = new OddityCounter();
  const context = new PeekContext(new NameBudget(5000, oddities), oddities);
  for (let ref = 0; ref < 5000; ref++) {
    context.ref = ref;
    context.state(State).value = ref;
  }
  const known: number[] = [];
  for (let ref = 0; ref < 5000; ref++) {
    context.ref = ref;
    const state = context.knownState(State);
    if (state !== undefined) known.push(state.value);
  }
  expect([known.length, known[0], known.at(-1)]).toEqual([4096, 904, 4999]);
});
