import { describe, expect, test } from '@jest/globals';
import { hubSettings } from '../../../../simulator/hub/state/settings.ts';

describe('hubSettings', () => {
  test("are the service's defaults unless told otherwise", () => {
    expect(hubSettings({ feedback: { intervalMs: 1000 } })).toEqual({
      cloudToDevice: {
        defaultTtlMs: 3_600_000,
        maxDeliveryCount: 10,
        lockMs: 60_000,
        maxQueueDepth: 50,
        maxMessageBytes: 65_536,
      },
      events: { partitionCount: 4, retentionMs: 86_400_000 },
      feedback: {
        ttlMs: 3_600_000,
        lockMs: 60_000,
        maxDeliveryCount: 10,
        batchSize: 64,
        intervalMs: 1000,
        maxLockedBatches: 1,
      },
      methods: { maxInFlightPerDevice: 100 },
      twins: { changeLatencyMs: 0 },
    });
  });

  test('name every fault at once', () => {
    const settings = {
      cloudToDevice: { defaultTtlMs: 59_999, maxDeliveryCount: 101 },
      feedback: { lockMs: 4_999, batchSize: 1.5 },
    };

    expect(() => hubSettings(settings)).toThrow(
      'Settings of the hub: cloudToDevice.defaultTtlMs must be a whole number from 60000 to 172800000; ' +
        'cloudToDevice.maxDeliveryCount must be a whole number from 1 to 100; ' +
        'feedback.lockMs must be a whole number from 5000 to 300000; ' +
        'feedback.batchSize must be a whole number from 1 to 1000',
    );
  });

  test('refuse a name that they do not know', () => {
    const settings = { feedback: JSON.parse('{ "intervalSeconds": 1 }') as object };

    expect(() => hubSettings(settings)).toThrow('feedback.intervalSeconds is not a setting');
  });
});
