import { TableClient } from '@azure/data-tables';
import type { Stack } from '../../test/support/stack.ts';

/** Calls `run` with 0, 1, 2 … `count` - 1, so many at a time. */
export async function inFlight(
  count: number,
  atATime: number,
  run: (index: number) => Promise<void>,
): Promise<void> {
  let next = 0;
  async function work(): Promise<void> {
    while (next < count) {
      next += 1;
      await run(next - 1);
    }
  }
  await Promise.all(Array.from({ length: atATime }, work));
}

/** Plays all devices: each takes and completes what waits for it. */
export function completeAll({ hub }: Stack, devices: readonly string[]): void {
  const { cloudToDevice } = hub.state;
  for (const deviceId of devices) {
    for (
      let delivery = cloudToDevice.receive(deviceId);
      delivery;
      delivery = cloudToDevice.receive(deviceId)
    ) {
      cloudToDevice.complete(deviceId, delivery.lockToken);
    }
  }
}

/** Devices with a backlog, as the storage has them. */
export async function devicesWithBacklog(connectionString: string): Promise<number> {
  const table = TableClient.fromConnectionString(connectionString, 'downlink', {
    allowInsecureConnection: true,
  });
  const filter = "RowKey ge 'work|' and RowKey lt 'work|~~'";
  let count = 0;
  for await (const page of table.listEntities({ queryOptions: { filter } }).byPage()) {
    count += page.length;
  }
  return count;
}

export function sum(counts: object): number {
  return Object.values(counts).reduce((total: number, count: number) => total + count, 0);
}

export function percentile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? Number.NaN;
}
