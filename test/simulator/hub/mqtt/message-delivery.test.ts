import { describe, expect, test } from '@jest/globals';
import { FaultPlan } from '../../../../simulator/hub/faults/fault-plan.ts';
import { MessageDelivery } from '../../../../simulator/hub/mqtt/message-delivery.ts';
import { Session } from '../../../../simulator/hub/mqtt/sessions.ts';
import { aHub, aMessage, MINUTE } from '../state/builders.ts';

describe('the delivery to a device that never acknowledges', () => {
  test('forgets the identifiers of messages that expired, connection after connection', async () => {
    const { state, clock } = aHub();
    const session = new Session();
    const identifiers: (number | undefined)[] = [];

    for (let round = 1; round <= 3; round++) {
      state.cloudToDevice.enqueue('device-1', aMessage({ expiresAt: clock.now() + MINUTE }));
      const delivery = new MessageDelivery({
        deviceId: 'device-1',
        faults: new FaultPlan(),
        connection: { schedule: () => {}, drop: () => {}, closeWith: () => {} },
        session,
        queues: state.cloudToDevice,
        defaultTtlMs: state.settings.cloudToDevice.defaultTtlMs,
        send: ({ messageId }) => {
          identifiers.push(messageId);
          return true;
        },
        log: () => {},
      });
      delivery.subscribe({ qos: 1, deviceSegment: 'device-1' });
      await Promise.resolve();
      delivery.stop();
      clock.advance(MINUTE);
    }

    expect(new Set(identifiers).size).toBe(3);
    expect(session.identifierFor(1).isDuplicate).toBe(false);
    expect(session.identifierFor(2).isDuplicate).toBe(false);
    expect(session.identifierFor(3).isDuplicate).toBe(true);
  });
});
