import { startSimulatedDevice } from '../../devices/simulated-device.ts';
import type { SimulatedHub } from '../../hub/simulated-hub.ts';
import { inProcessPart } from '../parts/in-process-part.ts';
import type { Parts } from '../parts/parts.ts';

export interface DeviceOptions {
  parts: Parts;
  hub: SimulatedHub;
  deviceId: string;
  print: (line: string) => void;
}

export async function startDevice({ parts, hub, deviceId, print }: DeviceOptions): Promise<void> {
  const starting = startSimulatedDevice({
    connectionString: hub.deviceConnectionString(deviceId),
    certificateAuthorityPem: hub.certificateAuthorityPem,
    gatewayHostName: `${hub.hostName}:${hub.ports.mqtt}`,
    // A message may bring line breaks of its own.
    print: (text) => text.split('\n').forEach((line) => print(`${deviceId} | ${line}`)),
  });
  await parts.start(inProcessPart('simulated device', starting), starting);
}
