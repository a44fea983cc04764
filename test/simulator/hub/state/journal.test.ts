import { describe, expect, test } from '@jest/globals';
import { Journal, type JournalEvent } from '../../../../simulator/hub/state/journal.ts';

function anEvent(sequenceNumber: number, changes: Partial<JournalEvent> = {}): JournalEvent {
  return {
    type: 'enqueued',
    deviceId: 'device-1',
    deviceGenerationId: '1',
    messageId: `message-${sequenceNumber}`,
    sequenceNumber,
    attempt: 0,
    at: sequenceNumber,
    ...changes,
  };
}

describe('Journal', () => {
  test('keeps the newest events, oldest first', () => {
    const journal = new Journal(3);

    for (const sequenceNumber of [1, 2, 3, 4, 5]) journal.record(anEvent(sequenceNumber));

    expect(journal.events().map((event) => event.sequenceNumber)).toEqual([3, 4, 5]);
  });

  test('forgets all, and begins anew in order', () => {
    const journal = new Journal(3);
    for (const sequenceNumber of [1, 2, 3, 4, 5]) journal.record(anEvent(sequenceNumber));

    journal.clear();
    for (const sequenceNumber of [6, 7, 8, 9]) journal.record(anEvent(sequenceNumber));

    expect(journal.events().map((event) => event.sequenceNumber)).toEqual([7, 8, 9]);
  });

  test('finds the history of one message of one device', () => {
    const journal = new Journal();
    journal.record(anEvent(1));
    journal.record(anEvent(1, { deviceId: 'device-2' }));
    journal.record(anEvent(2));
    journal.record(anEvent(1, { type: 'completed' }));

    const history = journal.events({ deviceId: 'device-1', messageId: 'message-1' });

    expect(history.map((event) => event.type)).toEqual(['enqueued', 'completed']);
  });

  test('tells every listener until it leaves', () => {
    const journal = new Journal(1);
    const seen: number[] = [];
    const leave = journal.onEvent((event) => seen.push(event.sequenceNumber));

    journal.record(anEvent(1));
    journal.record(anEvent(2));
    leave();
    journal.record(anEvent(3));

    expect(seen).toEqual([1, 2]);
  });
});
