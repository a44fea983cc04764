import { describe, expect, test } from '@jest/globals';
import type { EventPosition } from '../../../../simulator/hub/state/event-position.ts';
import { EventPartition } from '../../../../simulator/hub/state/event-partition.ts';
import { HubState } from '../../../../simulator/hub/state/hub-state.ts';
import { MAX_SNAPSHOT_EVENTS } from '../../../../simulator/hub/state/limits.ts';
import { snapshotSchema } from '../../../../simulator/hub/snapshot-schema.ts';
import { aHub, eventsOf, HOUR, kindOf, MINUTE } from './builders.ts';

const ONE = { events: { partitionCount: 1 } };

function send(state: HubState, text: string, entityId = 'device-1'): void {
  state.events.append({ entityId }, { body: Buffer.from(text), properties: {} });
}

function append(partition: EventPartition, bytes: number): void {
  const who = { deviceId: 'device-1', generationId: '1', authMethod: '{}' };
  partition.append({ ...who, enqueuedAt: 0, body: Buffer.alloc(bytes), properties: {} });
}

function only(state: HubState): EventPartition {
  const partition = state.events.partition('0');
  if (!partition) throw new Error('There is no partition 0');
  return partition;
}

function textAfter(partition: EventPartition, position: EventPosition): string | undefined {
  return partition.after(partition.resolve(position))?.body.toString();
}

describe('EventStore', () => {
  test('keeps all events of a device in one partition, in their order, and spreads the devices', () => {
    const { state } = aHub();
    for (let place = 0; place < 40; place++) state.registry.create({ deviceId: `d${place}` });
    for (let round = 0; round < 3; round++)
      for (let place = 0; place < 40; place++) send(state, String(round), `d${place}`);

    const texts = eventsOf(state, 'd7').map(({ body }) => body.toString());
    const used = state.events.partitions().filter((partition) => !partition.properties().isEmpty);

    expect(texts).toEqual(['0', '1', '2']);
    expect(used).toHaveLength(4);
  });

  test('says who sent an event, a module beside its device', () => {
    const { state } = aHub(ONE);
    state.registry.create({ deviceId: 'device-2' });

    send(state, 'x', 'device-2');

    const { generationId } = state.registry.get('device-2');
    expect(only(state).after(-1)).toMatchObject({ deviceId: 'device-2', generationId });
    expect(JSON.parse(only(state).after(-1)?.authMethod ?? '')).toMatchObject({ type: 'sas' });
    state.registry.create({ deviceId: 'x', authenticationType: 'certificateAuthority' });
    state.registry.create({ deviceId: 'x', moduleId: 'm' });
    send(state, 'x', 'x');
    send(state, 'x', 'x/m');
    const [ofDevice, ofModule] = eventsOf(state, 'x');
    expect(JSON.parse(ofDevice?.authMethod ?? '')).toMatchObject({ scope: 'device', type: 'x509' });
    expect(JSON.parse(ofModule?.authMethod ?? '')).toMatchObject({ scope: 'module', type: 'sas' });
    expect(ofModule).toMatchObject({ deviceId: 'x', moduleId: 'm' });
    expect(kindOf(() => send(state, 'x', 'nobody'))).toBe('deviceNotFound');
  });

  test('counts properties towards the 256 KB of a message', () => {
    const { state } = aHub();
    const body = Buffer.alloc(256 * 1024 - 2);
    const sendWith = (properties: Record<string, string>): void => {
      state.events.append({ entityId: 'device-1' }, { body, properties });
    };
    sendWith({ a: 'b' });

    expect(kindOf(() => sendWith({ a: 'bc' }))).toBe('messageTooLarge');
  });

  test('forgets events by age, and goes on counting', () => {
    const { state, clock } = aHub({ events: { partitionCount: 1, retentionMs: HOUR } });
    send(state, 'old');
    clock.advance(30 * MINUTE);
    send(state, 'young');
    clock.advance(31 * MINUTE);
    const young = only(state).after(-1)?.body.toString();
    clock.advance(30 * MINUTE);
    const empty = only(state).properties();
    send(state, 'next');

    expect(young).toBe('young');
    expect(empty).toMatchObject({ isEmpty: true, lastSequenceNumber: 1 });
    expect(only(state).after(-1)).toMatchObject({ sequenceNumber: 2 });
  });

  test('forgets the oldest when there are too many, or too many bytes', () => {
    const few = new EventPartition('0', { events: 10, bytes: 1_000_000 });
    for (let count = 0; count < 3_000; count++) append(few, 0);
    const small = new EventPartition('0', { events: 10, bytes: 3_000 });
    for (let count = 0; count < 4; count++) append(small, 1_000);

    expect(few.properties()).toMatchObject({ beginSequenceNumber: 2_990 });
    expect([few.after(-1), few.after(2_994)]).toMatchObject([
      { sequenceNumber: 2_990 },
      { sequenceNumber: 2_995 },
    ]);
    expect(small.properties()).toMatchObject({ beginSequenceNumber: 2, lastSequenceNumber: 3 });
  });

  test.each<[string, EventPosition, string | undefined]>([
    ['the latest', { kind: 'latest' }, undefined],
    ['the earliest', { kind: 'offset', value: -1, isInclusive: false }, 'a'],
    ['behind a sequence number', { kind: 'sequenceNumber', value: 0, isInclusive: false }, 'b'],
    ['at a sequence number', { kind: 'sequenceNumber', value: 0, isInclusive: true }, 'a'],
    [
      'at the next sequence number',
      { kind: 'sequenceNumber', value: 3, isInclusive: true },
      undefined,
    ],
    ['behind an offset', { kind: 'offset', value: 65, isInclusive: false }, 'c'],
    ['at an offset', { kind: 'offset', value: 65, isInclusive: true }, 'b'],
    [
      'behind a time',
      { kind: 'enqueuedTime', value: Date.UTC(2026, 0, 1), isInclusive: false },
      'b',
    ],
    ['at a time', { kind: 'enqueuedTime', value: Date.UTC(2026, 0, 1), isInclusive: true }, 'a'],
    [
      'after all times',
      { kind: 'enqueuedTime', value: Date.UTC(2027, 0, 1), isInclusive: false },
      undefined,
    ],
  ])('is read from %s', (_, position, text) => {
    const { state, clock } = aHub(ONE);
    for (const each of ['a', 'b', 'c']) {
      send(state, each);
      clock.advance(MINUTE);
    }

    expect(textAfter(only(state), position)).toBe(text);
  });

  test.each([
    { kind: 'sequenceNumber', value: 1, isInclusive: false },
    { kind: 'sequenceNumber', value: 2, isInclusive: true },
    { kind: 'offset', value: 4_000, isInclusive: false },
  ] as const)('refuses to be read from a place ahead of it: %j', (position) => {
    const { state } = aHub(ONE);
    send(state, 'a');

    expect(kindOf(() => only(state).resolve(position))).toBe('argumentInvalid');
  });

  test('comes back from a snapshot with its newest events, its groups and its numbers', () => {
    const { state } = aHub(ONE);
    state.events.consumerGroups.add('Downlink');
    for (let count = 0; count < MAX_SNAPSHOT_EVENTS + 5; count++) send(state, String(count));
    const snapshot = snapshotSchema.parse(JSON.parse(JSON.stringify(state.snapshot())));

    const restored = HubState.restore(snapshot, { clock: state.clock, settings: ONE });

    expect(only(restored).properties()).toEqual({
      ...only(state).properties(),
      beginSequenceNumber: 5,
    });
    expect(only(restored).after(-1)).toEqual(only(state).after(4));
    expect(restored.events.consumerGroups.list()).toEqual(['$Default', 'Downlink']);
    send(state, 'next');
    send(restored, 'next');
    expect(only(restored).properties().lastOffset).toBe(only(state).properties().lastOffset);
  });

  test('is emptied by a reset, and goes on counting', () => {
    const { state } = aHub(ONE);
    send(state, 'a');

    state.reset([{ deviceId: 'device-1' }]);
    send(state, 'b');

    expect(eventsOf(state)).toMatchObject([{ body: Buffer.from('b'), sequenceNumber: 1 }]);
  });

  test.each(['', '-a', 'a b', 'x'.repeat(51), '$other'])(
    'refuses the consumer group %j',
    (name) => {
      expect(kindOf(() => aHub().state.events.consumerGroups.add(name))).toBe('argumentInvalid');
    },
  );

  test('has one default group that stays, and others that come and go', () => {
    const { consumerGroups } = aHub().state.events;
    consumerGroups.add('one');
    consumerGroups.add('ONE');

    expect(consumerGroups.list()).toEqual(['$Default', 'one']);
    expect([consumerGroups.remove('One'), consumerGroups.remove('one')]).toEqual([true, false]);
    expect(kindOf(() => consumerGroups.remove('$default'))).toBe('argumentInvalid');
  });
});
