import { describe, expect, test } from '@jest/globals';
import { requestedFault } from '../../../../simulator/hub/faults/requested-fault.ts';

describe('a fault in the properties of an event', () => {
  test.each([
    ['5', '20', 5000, 20_000],
    ['0.5', '', 500, 0],
    ['-1', 'soon', 0, 0],
    ['1e9', 'Infinity', 3_600_000, 3_600_000],
  ])('with delay %j and duration %j waits %i ms and lasts %i ms', (delay, duration, ...ms) => {
    const fault = requestedFault({
      AzIoTHub_FaultOperationType: 'KillTcp',
      AzIoTHub_FaultOperationDelayInSecs: delay,
      AzIoTHub_FaultOperationDurationInSecs: duration,
    });

    expect([fault?.delayMs, fault?.durationMs]).toEqual(ms);
  });

  test('is known by names in lower case, as they come over HTTPS', () => {
    const fault = requestedFault({
      aziothub_faultoperationtype: 'InvokeAuthError',
      aziothub_faultoperationdelayinsecs: '1',
      aziothub_faultoperationdurationinsecs: '2',
    });

    expect(fault).toMatchObject({ type: 'InvokeAuthError', delayMs: 1000, durationMs: 2000 });
  });

  test.each([{}, { AzIoTHub_FaultOperationType: 'killtcp' }, { type: 'KillTcp' }])(
    'is none in %j',
    (properties) => {
      expect(requestedFault(properties)).toBeUndefined();
    },
  );
});
