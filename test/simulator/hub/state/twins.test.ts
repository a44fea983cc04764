import { beforeEach, describe, expect, test } from '@jest/globals';
import type { ManualClock } from '../../../../simulator/hub/state/clock.ts';
import { HubState } from '../../../../simulator/hub/state/hub-state.ts';
import { snapshotSchema } from '../../../../simulator/hub/snapshot-schema.ts';
import { type DesiredChange, twinETag } from '../../../../simulator/hub/state/twins.ts';
import { aHub, kindOf, MINUTE } from './builders.ts';

const DEVICE = 'device-1';

let state: HubState;
let clock: ManualClock;
let notified: DesiredChange[];
beforeEach(() => {
  ({ state, clock } = aHub());
  notified = [];
  state.twins.onDesired(DEVICE, (change) => notified.push(change));
});

function iso(): string {
  return new Date(clock.now()).toISOString();
}

describe('Twins.patch', () => {
  test('merges, deletes what is null and stamps what it touches', () => {
    state.twins.patch(DEVICE, { desired: { a: { b: 1, c: 2 }, gone: true, list: [1] } });
    const before = iso();
    clock.advance(MINUTE);

    const { desired } = state.twins.patch(DEVICE, {
      desired: { a: { b: 5, c: null }, gone: null, list: [2, { x: 1 }] },
    });

    const stamp = { $lastUpdated: iso(), $lastUpdatedVersion: 3 };
    expect(desired).toEqual({
      version: 3,
      values: { a: { b: 5 }, list: [2, { x: 1 }] },
      metadata: { ...stamp, a: { ...stamp, b: stamp }, list: stamp },
    });
    expect(before).not.toBe(iso());
  });

  test('keeps the stamps of what it does not touch', () => {
    state.twins.patch(DEVICE, { desired: { a: { b: 1, c: 1 } } });
    const first = { $lastUpdated: iso(), $lastUpdatedVersion: 2 };
    clock.advance(MINUTE);

    const { metadata } = state.twins.patch(DEVICE, { desired: { a: { c: 2 } } }).desired;

    const second = { $lastUpdated: iso(), $lastUpdatedVersion: 3 };
    expect(metadata).toEqual({ ...second, a: { ...second, b: first, c: second } });
  });

  test('clears all with null and tells the device each former key', () => {
    state.twins.patch(DEVICE, { desired: { a: { b: 1 }, c: 2 }, tags: { t: 1 } });

    const twin = state.twins.patch(DEVICE, { desired: null, tags: null });

    expect([twin.desired.values, twin.desired.version, twin.tags]).toEqual([{}, 3, {}]);
    expect(notified.at(-1)).toEqual({ patch: { a: null, c: null }, version: 3 });
  });

  test('of tags alone, or of nothing, raises no desired version and tells no device', () => {
    const etags = [{ tags: { a: 1 } }, { desired: {} }, {}].map((change) =>
      twinETag(state.twins.patch(DEVICE, change)),
    );

    expect(new Set(etags).size).toBe(3);
    expect(state.twins.get(DEVICE).desired.version).toBe(1);
    expect(notified).toEqual([]);
  });

  test('passes over what a reader sends back along', () => {
    const { desired } = state.twins.patch(DEVICE, {
      desired: { a: 1, $version: 40, $metadata: { a: {} } },
    });

    expect(desired.values).toEqual({ a: 1 });
    expect(notified).toEqual([{ patch: { a: 1 }, version: 2 }]);
  });

  test('with an old ETag changes nothing', () => {
    const old = twinETag(state.twins.get(DEVICE));
    const current = twinETag(state.twins.patch(DEVICE, { tags: { a: 1 } }, `"${old}"`));

    const kinds = [`"${old}"`, '"abc"', ''].map((ifMatch) =>
      kindOf(() => state.twins.patch(DEVICE, { tags: { a: 2 } }, ifMatch)),
    );

    expect(new Set(kinds)).toEqual(new Set(['preconditionFailed']));
    expect(state.twins.get(DEVICE).tags).toEqual({ a: 1 });
    for (const ifMatch of [`"${current}"`, '"*"', '*'])
      state.twins.patch(DEVICE, { tags: { a: 3 } }, ifMatch === '*' ? '*' : '"*"');
    expect(state.twins.get(DEVICE).tags).toEqual({ a: 3 });
  });

  test('of a device that is not there is refused', () => {
    expect(kindOf(() => state.twins.patch('x', {}))).toBe('deviceNotFound');
  });
});

describe('Twins.replace', () => {
  test('replaces what it names and tells the device what a merge needs', () => {
    state.twins.patch(DEVICE, { tags: { t: 1 }, desired: { a: { b: 1, c: 1 }, d: 1 } });

    const twin = state.twins.replace(DEVICE, { desired: { a: { b: 2 }, e: 1 } });

    expect([twin.desired.values, twin.tags]).toEqual([{ a: { b: 2 }, e: 1 }, { t: 1 }]);
    expect(notified.at(-1)).toEqual({
      patch: { a: { b: 2, c: null }, d: null, e: 1 },
      version: 3,
    });
  });

  test('of tags leaves the desired properties and their version alone', () => {
    state.twins.patch(DEVICE, { tags: { t: 1 }, desired: { a: 1 } });

    const { tags, desired } = state.twins.replace(DEVICE, { tags: { u: 1 } });

    expect([tags, desired.values, desired.version]).toEqual([{ u: 1 }, { a: 1 }, 2]);
  });
});

describe('Twins.report', () => {
  test('merges, raises its own version and leaves the ETag', () => {
    const etag = twinETag(state.twins.get(DEVICE));
    state.twins.report(DEVICE, { a: 1, b: { c: 1 } });

    const twin = state.twins.report(DEVICE, { a: null, b: { d: 2 } });

    expect(twin.reported.values).toEqual({ b: { c: 1, d: 2 } });
    expect([twin.reported.version, twin.desired.version, twin.version]).toEqual([3, 1, 4]);
    expect(twin.reported.metadata['$lastUpdated']).toBe(iso());
    expect(twinETag(twin)).toBe(etag);
    expect(notified).toEqual([]);
  });
});

describe('a twin', () => {
  const nested = (depth: number): object => (depth === 0 ? {} : { x: nested(depth - 1) });

  test.each([
    ['a key with a dot', { 'a.b': 1 }],
    ['a key with a dollar', { a: { $b: 1 } }],
    ['a key with a space', { 'a b': 1 }],
    ['a key with a control character', { 'a\u0085': 1 }],
    ['an empty key', { '': 1 }],
    ['a key of more than 1 KB', { ['ü'.repeat(513)]: 1 }],
    ['a text of more than 4 KB', { a: [`${'x'.repeat(4096)}y`] }],
    ['too large an integer', { a: 4_503_599_627_370_496 }],
    ['too small an integer', { a: { b: -4_503_599_627_370_497 } }],
    ['eleven objects in one another', nested(11)],
    ['a bad key in a list', { a: [{ 'b.c': 1 }] }],
  ])('refuses %s, wherever it is, and stays as it was', (_, value) => {
    const patch = value as Record<string, unknown>;

    expect(kindOf(() => state.twins.report(DEVICE, patch))).toBe('argumentInvalid');
    expect(kindOf(() => state.twins.patch(DEVICE, { desired: patch }))).toBe('argumentInvalid');
    expect(kindOf(() => state.twins.patch(DEVICE, { tags: patch }))).toBe('argumentInvalid');
    expect(state.twins.get(DEVICE).version).toBe(2);
  });

  test('takes what is just within the limits', () => {
    const tags = {
      ...nested(10),
      a: 'x'.repeat(4096),
      b: 4_503_599_627_370_495,
      ['k'.repeat(1024)]: 0.5,
    };

    expect(state.twins.patch(DEVICE, { tags }).tags).toEqual(tags);
  });

  test.each([
    ['tags', 8],
    ['desired', 32],
  ])('holds %s of %i KB, counted after the merge, and no more', (section, kilobytes) => {
    const fill = Object.fromEntries(
      Array.from({ length: kilobytes / 4 }, (_, index) => [`k${index}`, 'x'.repeat(4094)]),
    );
    const write = (patch: Record<string, unknown>) =>
      state.twins.patch(DEVICE, { [section]: patch });
    write(fill);

    expect(kindOf(() => write({ y: 'z' }))).toBe('argumentInvalid');
    write({ k0: null, y: 'z' });
  });

  test('goes with its device', () => {
    state.twins.patch(DEVICE, { tags: { a: 1 } });
    state.registry.delete(DEVICE);
    state.registry.create({ deviceId: DEVICE });

    expect(state.twins.get(DEVICE)).toMatchObject({ tags: {}, version: 2 });
    expect(state.snapshot().twins).toBeUndefined();
  });

  test('comes back from a snapshot', () => {
    state.twins.patch(DEVICE, { tags: { a: 1 }, desired: { b: { c: [1] } } });
    state.twins.report(DEVICE, { d: 'x' });
    const file: unknown = JSON.parse(JSON.stringify(state.snapshot()));

    const restored = HubState.restore(snapshotSchema.parse(file), { clock });

    expect(restored.twins.get(DEVICE)).toEqual(state.twins.get(DEVICE));
  });

  test('is written to the snapshot when the device reports', () => {
    let changes = 0;
    state.onChange(() => changes++);

    state.twins.report(DEVICE, { a: 1 });

    expect(changes).toBe(1);
  });
});
