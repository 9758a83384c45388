import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { findIncidentText } from './incident-text.ts';

const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'anomalyst-incident-text-'));
afterAll(() => fs.rmSync(folder, { recursive: true }));

const file = path.join(folder, 'incidents.json');
function write(text: string): void {
  fs.writeFileSync(file, text);
}

/** A report of so many incidents, each with so long a title, as `renderJson` lays it out. */
function report(incidents: number, title: string, schemaVersion = 1): string {
  const document = {
    schemaVersion,
    run: { inputs: [{ id: 'inc-none', rank: 1 }] },
    oddities: [{ name: 'ip.short', count: 2 }],
    incidents: Array.from({ length: incidents }, (_, i) => ({
      id: `inc-${i}`,
      rank: i + 1,
      title: `${title} \n    } "id": "inc-7"`,
      evidence: [{ id: 'f1', flow: { id: 3 } }],
    })),
    hosts: [{ address: '192.0.2.1', names: ['é'] }],
  };
  return `${JSON.stringify(document, undefined, 2)}\n`;
}

describe('findIncidentText', () => {
  it('finds an incident by id and by rank, as it stands in the file, also across the pieces that are read', () => {
    const text = report(40, 'é'.repeat(60_000));
    write(text);
    for (const i of [0, 1, 8, 17, 39]) {
      const found = findIncidentText(file, `inc-${i}`);
      expect(found?.id).toBe(`inc-${i}`);
      expect(text).toContain(`\n    ${found?.text}`);
      expect(JSON.parse(found?.text ?? '')).toMatchObject({ id: `inc-${i}`, rank: i + 1, evidence: [{ id: 'f1' }] });
      expect(findIncidentText(file, String(i + 1))).toEqual(found);
    }
  });

  it('leaves to others what is not there, is of another version or is laid out otherwise', () => {
    write(report(3, 'scan'));
    expect(findIncidentText(file, 'inc-none')).toBeUndefined();
    expect(findIncidentText(file, '4')).toBeUndefined();
    expect(findIncidentText(path.join(folder, 'nowhere.json'), '1')).toBeUndefined();
    write(report(3, 'scan', 2));
    expect(findIncidentText(file, '1')).toBeUndefined();
    write(JSON.stringify(JSON.parse(report(3, 'scan'))));
    expect(findIncidentText(file, '1')).toBeUndefined();
    write(report(3, 'scan').slice(0, 300));
    expect(findIncidentText(file, '3')).toBeUndefined();
  });
});
