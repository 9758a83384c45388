import { expect, it } from 'vitest';
import { Salt } from './salt.ts';

it('changes at once, and again when as many keys were added as it takes to collide', () => {
  const salt = new Salt();
  expect(salt.value).toBe(0);
  expect(salt.change()).toBe(true);
  const first = salt.value;
  expect([first === 0, salt.change(), salt.value]).toEqual([false, false, first]);
  for (let i = 0; i < 255; i++) salt.added();
  expect(salt.change()).toBe(false);
  salt.added();
  expect(salt.change()).toBe(true);
  expect([0, first]).not.toContain(salt.value);
});
