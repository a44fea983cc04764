import { readFileSync } from 'node:fs';
import { describe, expect, test } from '@jest/globals';
import { hubSettings } from '../../../../simulator/hub/state/settings.ts';

/** Such as | `events.partitionCount` | count | 4 | 1 to 32 | … */
const ROW = /^\| `(\w+)\.(\w+)` +\| (\w+) +\| ([\d,]+) +\| ([\d,]+) to ([\d,]+) +\|/gm;

const documented = [...readFileSync('docs/simulated-hub.md', 'utf8').matchAll(ROW)].map(
  ([, group = '', name = '', unit = '', ...numbers]) => {
    const [value = NaN, least = NaN, most = NaN] = numbers.map((text) =>
      Number(text.replaceAll(',', '')),
    );
    return { group, name, unit, value, least, most };
  },
);

const set = (group: string, name: string, value: number): (() => unknown) => {
  const input: Record<string, Record<string, number>> = { [group]: { [name]: value } };
  return () => hubSettings(input);
};

function unitOf(name: string): string {
  if (name.endsWith('Ms')) return 'ms';
  return name.endsWith('Bytes') ? 'bytes' : 'count';
}

describe('the settings in docs/simulated-hub.md', () => {
  test('are all that there are, with unit and default', () => {
    const inCode = Object.entries(hubSettings()).flatMap(([group, settings]) =>
      Object.entries(settings as Record<string, number>).map(([name, value]) => ({
        group,
        name,
        unit: unitOf(name),
        value,
      })),
    );

    expect(
      documented.map(({ group, name, unit, value }) => ({ group, name, unit, value })),
    ).toEqual(inCode);
  });

  test('have the ranges that the hub takes', () => {
    expect(documented).not.toEqual([]);
    for (const { group, name, least, most } of documented) {
      expect(set(group, name, least)).not.toThrow();
      expect(set(group, name, most)).not.toThrow();
      const said = `${group}.${name} must be a whole number from ${least} to ${most}`;
      expect(set(group, name, least - 1)).toThrow(said);
      expect(set(group, name, most + 1)).toThrow(said);
    }
  });
});
