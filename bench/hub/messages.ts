import common from 'azure-iot-common';
import iothub from 'azure-iothub';
import type { FeedbackRecord } from '@downlink/simulator';
import type { HubProcess } from '../../test/support/hub-process/hub-process.ts';
import type { Helper } from './helper-process.ts';
import { keepInFlight } from './in-flight.ts';
import { cpuMicroseconds, percentile, type Row } from './report.ts';

export const MESSAGE_HEAD = [
  'cloud-to-device, with feedback',
  'per second',
  'p50 ms',
  'p99 ms',
  'hub CPU µs',
  'back end CPU µs',
  'devices CPU µs',
];

interface MessageRun {
  readonly label: string;
  readonly inFlight: number;
  readonly durationMs: number;
}

/** From the official service SDK to devices, and back until the feedback has come. */
export async function runMessages(
  hub: HubProcess,
  devices: Helper<unknown>,
  deviceIds: readonly string[],
  runs: readonly MessageRun[],
): Promise<{ rows: Row[]; perSecond: number[] }> {
  const service = iothub.Client.fromConnectionString(hub.connectionString);
  service.setRetryPolicy(new common.NoRetry());
  await service.open();
  const waiting = new Map<string, () => void>();
  const { result: receiver } = await service.getFeedbackReceiver();
  receiver?.on('message', (batch: { data: Buffer }) => {
    const records: FeedbackRecord[] = JSON.parse(batch.data.toString());
    for (const { originalMessageId } of records) {
      waiting.get(originalMessageId)?.();
      waiting.delete(originalMessageId);
    }
  });
  let lastMessage = 0;

  async function oneMessage(ordinal: number): Promise<void> {
    const message = new common.Message('{"setPoint":21.5,"unit":"celsius"}');
    message.messageId = `bench-${++lastMessage}`;
    message.ack = 'full';
    message.properties.add('kind', 'set-point');
    const settled = new Promise<void>((resolve) => waiting.set(message.messageId, resolve));
    await service.send(deviceIds[ordinal % deviceIds.length] ?? '', message);
    await settled;
  }

  // The first opens the link; a burst would open one each.
  await oneMessage(0);
  const rows: Row[] = [];
  const perSecond: number[] = [];
  for (const { label, inFlight, durationMs } of runs) {
    await keepInFlight(inFlight, durationMs / 4, oneMessage);
    const before = [await hub.ask('cpu'), process.cpuUsage(), await devices.cpu()] as const;
    const { latenciesMs, elapsedMs } = await keepInFlight(inFlight, durationMs, oneMessage);
    const after = [await hub.ask('cpu'), process.cpuUsage(), await devices.cpu()] as const;
    const count = latenciesMs.length;
    const cpu = (place: 0 | 1 | 2): string =>
      (cpuMicroseconds(before[place], after[place]) / count).toFixed(0);
    const rate = count / (elapsedMs / 1000);
    perSecond.push(rate);
    rows.push([
      label,
      rate.toFixed(0),
      percentile(latenciesMs, 0.5).toFixed(2),
      percentile(latenciesMs, 0.99).toFixed(2),
      cpu(0),
      cpu(1),
      cpu(2),
    ]);
  }
  await service.close();
  return { rows, perSecond };
}
