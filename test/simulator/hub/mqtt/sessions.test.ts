import { describe, expect, test } from '@jest/globals';
import { Session } from '../../../../simulator/hub/mqtt/sessions.ts';

describe('a session', () => {
  test('gives 65,535 identifiers in turn and never one that is in use', () => {
    const session = new Session();
    const lasting = session.identifierFor(1).identifier;

    const given = new Set<number>();
    for (let sequenceNumber = 2; sequenceNumber <= 65_535 * 2; sequenceNumber++) {
      given.add(session.identifierFor(sequenceNumber).identifier);
      session.acknowledged(sequenceNumber);
    }

    expect(given.size).toBe(65_534);
    expect(given.has(lasting)).toBe(false);
    expect(given.has(0)).toBe(false);
  });

  test('repeats the identifier of a message that was sent and not acknowledged', () => {
    const session = new Session();
    const { identifier } = session.identifierFor(5);

    expect(session.identifierFor(5)).toEqual({ identifier, isDuplicate: true });
    session.acknowledged(5);
    expect(session.identifierFor(5).isDuplicate).toBe(false);
  });
});
