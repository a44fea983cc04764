import { expect, test } from '@jest/globals';
import { hubRows } from '../../../simulator/cli/describe-hub.ts';
import { startHub } from '../../../simulator/index.ts';

test.each([
  [250, 'every 0.25 s (in Azure: up to 15 s)'],
  [15_000, 'every 15 s (in Azure: up to 15 s)'],
  [0, 'at once (in Azure: up to 15 s)'],
])('hubRows tell the interval of feedback in force: %i ms', async (intervalMs, said) => {
  const hub = await startHub({ settings: { feedback: { intervalMs } } });
  try {
    expect(hubRows(hub, undefined)).toContainEqual(['Hub feedback', said]);
  } finally {
    await hub.stop();
  }
});
