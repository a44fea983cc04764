import { newDeviceEvent, type NewDeviceEvent } from '../state/device-event.ts';

/** https://learn.microsoft.com/azure/iot/iot-mqtt-connect-to-iot-hub#sending-device-to-cloud-messages */
export function readDeviceEvent(propertyBag: string, body: Buffer): NewDeviceEvent {
  const fields = new Map(
    propertyBag
      .replace(/^\?/, '')
      .split('&')
      .filter((field) => field !== '')
      .map((field): [string, string] => {
        const [name = '', value = ''] = field.split(/=(.*)/s);
        return [decode(name), decode(value)];
      }),
  );
  const take = (name: string): string | undefined => {
    const value = fields.get(name);
    fields.delete(name);
    return value;
  };
  const system = {
    messageId: take('$.mid'),
    correlationId: take('$.cid'),
    userId: take('$.uid'),
    to: take('$.to'),
    contentType: take('$.ct'),
    contentEncoding: take('$.ce'),
    expiresAt: timeOf(take('$.exp')),
    createdAt: timeOf(take('$.ctime')),
    componentName: take('$.sub'),
    interfaceId: take('$.ifid'),
  };
  // The Java SDK says who it is ($.cdid), which the hub knows better: such names are never the application's.
  const properties = [...fields].filter(([name]) => !name.startsWith('$.'));
  return newDeviceEvent({ body, ...system, properties: Object.fromEntries(properties) });
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    // A percent sign that a device forgot to encode is no reason to lose its telemetry.
    return text;
  }
}

function timeOf(text: string | undefined): number | undefined {
  const time = Date.parse(text ?? '');
  return Number.isNaN(time) ? undefined : time;
}
