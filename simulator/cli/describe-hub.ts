import type { SimulatedHub } from '../hub/simulated-hub.ts';
import { columns } from './help.ts';

/** Rows for `columns`. */
export function hubRows(
  { hostName, ports, state }: SimulatedHub,
  authorityFile: string | undefined,
): string[][] {
  const { intervalMs } = state.settings.feedback;
  const rows = [
    [
      'Simulated hub',
      [
        `${hostName}: AMQPS ${ports.amqp}, MQTTS ${ports.mqtt}, HTTPS and WebSockets ${ports.https}`,
        ...(ports.plainAmqp === undefined ? [] : [`AMQP without TLS ${ports.plainAmqp}`]),
      ].join(', '),
    ],
    [
      'Hub feedback',
      `${intervalMs === 0 ? 'at once' : `every ${intervalMs / 1000} s`} (in Azure: up to 15 s)`,
    ],
  ];
  const limits = state.throttles.inForce();
  if (limits) {
    const { sku, units, quota } = limits;
    rows.push(['Limits', `${units} ${sku}: ${quota.messagesPerDay} messages a day, and throttles`]);
  }
  if (authorityFile !== undefined) {
    rows.push(['Hub authority', `${authorityFile} (for Node programs: NODE_EXTRA_CA_CERTS)`]);
  }
  return rows;
}

/** Whole: their keys open nothing but this hub. */
export function connectionStrings(
  hub: SimulatedHub,
  devices: readonly { deviceId: string; note: string }[],
): string[] {
  return [
    'Connection strings of the simulated hub:',
    ...columns([
      ['service', hub.connectionString()],
      ['events', hub.eventHubConnectionString()],
      ...devices.map(({ deviceId, note }) => [
        deviceId,
        [hub.deviceConnectionString(deviceId), note].join('  ').trimEnd(),
      ]),
    ]),
  ];
}
