import common from 'azure-iot-common';

export interface DeviceConnectionString {
  readonly deviceId: string;
  /** What the device connects to: the gateway when there is one, else the hub. */
  readonly address: string;
  /** The connection string with the gateway in it. */
  readonly text: string;
}

/** Reads a device's connection string; its errors never repeat the key. */
export function parseDeviceConnectionString(
  text: string,
  gatewayHostName?: string,
): DeviceConnectionString {
  const fields = common.ConnectionString.parse(text);
  const { HostName: hostName, DeviceId: deviceId } = fields;
  const missing = (['HostName', 'DeviceId', 'SharedAccessKey'] as const).filter(
    (name) => !fields[name],
  );
  if (!hostName || !deviceId || missing.length > 0) {
    throw new TypeError(
      `The connection string lacks ${missing.join(' and ')}: a device's is HostName=…;DeviceId=…;SharedAccessKey=…`,
    );
  }
  return gatewayHostName === undefined
    ? { deviceId, address: fields.GatewayHostName ?? hostName, text }
    : { deviceId, address: gatewayHostName, text: withGateway(text, gatewayHostName) };
}

function withGateway(text: string, gatewayHostName: string): string {
  const others = text.split(';').filter((field) => field && !/^GatewayHostName=/i.test(field));
  return [...others, `GatewayHostName=${gatewayHostName}`].join(';');
}
