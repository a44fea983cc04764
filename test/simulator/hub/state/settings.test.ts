import { describe, expect, test } from '@jest/globals';
import { hubSettings, type HubSettingsInput } from '../../../../simulator/hub/state/settings.ts';

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

  test('refuse groups that they do not know or that are none, each by its name', () => {
    const settings = parsed(
      '{"feedbak":{"intervalMs":1},"methods":null,"events":[4],"twins":50,"__proto__":{}}',
    );

    expect(() => hubSettings(settings)).toThrow(
      'Settings of the hub: methods must be an object; events must be an object; ' +
        'twins must be an object; ' +
        'feedbak is not a group of settings (cloudToDevice, feedback, methods, events, twins); ' +
        '__proto__ is not a group of settings (cloudToDevice, feedback, methods, events, twins)',
    );
  });

  test.each(['null', '[]', '"events"', '7'])('refuse %s in the place of all groups', (text) => {
    expect(() => hubSettings(parsed(text))).toThrow(
      'Settings of the hub: they must be an object of groups (cloudToDevice, feedback, methods, events, twins)',
    );
  });

  test('refuse names that every object knows', () => {
    const settings = parsed('{"twins":{"constructor":1,"__proto__":2}}');

    expect(() => hubSettings(settings)).toThrow(
      'twins.constructor is not a setting; twins.__proto__ is not a setting',
    );
  });

  test('refuse null as a value', () => {
    expect(() => hubSettings(parsed('{"twins":{"changeLatencyMs":null}}'))).toThrow(
      'twins.changeLatencyMs must be a whole number from 0 to 60000',
    );
  });

  test('take what is undefined as left out', () => {
    const settings = { twins: undefined, events: { partitionCount: undefined } } as object;

    expect(hubSettings(settings)).toEqual(hubSettings());
  });
});

/** As they come from a file. */
function parsed(text: string): HubSettingsInput {
  return JSON.parse(text) as HubSettingsInput;
}
