import { describe, expect, it } from 'vitest';
import { ARKIME_EXPLAINED, ARKIME_FILES, compareArkime } from './support/arkime.ts';

describe("flows agree with Arkime's sessions", () => {
  it.each(ARKIME_FILES)('%s', (file) => {
    const explained = new Map(
      ARKIME_EXPLAINED.filter(([name]) => name === file).map(([, key, reason]) => [key, reason]),
    );
    const found = compareArkime(file).differences;
    const unexplained = [...found].filter(([key]) => !explained.has(key)).map(([key, text]) => `${key}: ${text}`);
    const obsolete = [...explained.keys()].filter((key) => !found.has(key));
    expect({ unexplained, obsolete }).toEqual({ unexplained: [], obsolete: [] });
  });

  it('has captures to compare', () => {
    expect(ARKIME_FILES.length).toBeGreaterThan(30);
  });
});
