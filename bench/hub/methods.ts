import common from 'azure-iot-common';
import type { HubProcess } from '../../test/support/hub-process/hub-process.ts';
import type { Helper } from './helper-process.ts';
import { keepInFlight } from './in-flight.ts';
import { LeanCaller } from './lean-caller.ts';
import { cpuMicroseconds, percentile, type Row } from './report.ts';

export const METHOD_HEAD = [
  'direct methods',
  'per second',
  'p50 ms',
  'p99 ms',
  'hub CPU µs',
  'caller CPU µs',
  'devices CPU µs',
];

/** From plain HTTPS requests to devices, and back. */
export async function runMethods(
  hub: HubProcess,
  devices: Helper<unknown>,
  deviceIds: readonly string[],
  { label, inFlight, durationMs }: { label: string; inFlight: number; durationMs: number },
): Promise<{ row: Row; perSecond: number }> {
  const key = /SharedAccessKey=(.*)$/.exec(hub.connectionString)?.[1] ?? '';
  const caller = new LeanCaller({
    port: hub.ports.https,
    ca: hub.certificateAuthorityPem,
    token: common.SharedAccessSignature.create(
      'localhost',
      'iothubowner',
      key,
      Math.floor(Date.now() / 1000) + 3600,
    ).toString(),
    connections: inFlight,
  });
  const call = async (ordinal: number): Promise<void> =>
    caller.call(deviceIds[ordinal % deviceIds.length] ?? '', 'echo', '{"setPoint":21.5}');
  await keepInFlight(inFlight, durationMs / 4, call);
  const before = [await hub.ask('cpu'), process.cpuUsage(), await devices.cpu()] as const;
  const { latenciesMs, elapsedMs } = await keepInFlight(inFlight, durationMs, call);
  const after = [await hub.ask('cpu'), process.cpuUsage(), await devices.cpu()] as const;
  caller.close();
  const count = latenciesMs.length;
  const cpu = (place: 0 | 1 | 2): string =>
    (cpuMicroseconds(before[place], after[place]) / count).toFixed(0);
  const perSecond = count / (elapsedMs / 1000);
  const latencies = [0.5, 0.99].map((share) => percentile(latenciesMs, share).toFixed(2));
  return { row: [label, perSecond.toFixed(0), ...latencies, cpu(0), cpu(1), cpu(2)], perSecond };
}
