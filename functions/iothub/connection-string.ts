/** Who we are to the hub: one of its shared access policies. */
export interface IotHubCredentials {
  readonly hostName: string;
  readonly keyName: string;
  /** base64 */
  readonly key: string;
}

export const HOST_NAME = /^[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?$/;

const PARTS = ['HostName', 'SharedAccessKeyName', 'SharedAccessKey'] as const;
type Part = (typeof PARTS)[number];

/**
 * Reads `HostName=…;SharedAccessKeyName=…;SharedAccessKey=…`. Throws an error that names every fault,
 * and never shows a value: it may be a key in the wrong place.
 */
export function parseConnectionString(text: string): IotHubCredentials {
  const values = new Map<Part, string>();
  const faults: string[] = [];
  for (const piece of text.trim().split(';').filter(Boolean)) {
    const end = piece.indexOf('=');
    const name = piece.slice(0, Math.max(end, 0)).trim();
    const part = PARTS.find((known) => known.toLowerCase() === name.toLowerCase());
    if (/^(DeviceId|ModuleId)$/i.test(name)) {
      faults.push('it is a device\'s connection string; take the one of a policy, e.g. "service"');
    } else if (/^Endpoint$/i.test(name)) {
      faults.push("it is an Event Hubs connection string; take the hub's own");
    } else if (!part) {
      faults.push(`it has a part that is none of ${PARTS.join(', ')}`);
    } else if (values.has(part)) {
      faults.push(`${part} stands twice`);
    } else {
      values.set(part, piece.slice(end + 1).trim());
    }
  }
  for (const part of PARTS) if (!values.get(part)) faults.push(`${part} is missing`);

  const [hostName = '', keyName = '', key = ''] = PARTS.map((part) => values.get(part));
  if (hostName && !HOST_NAME.test(hostName)) {
    faults.push('HostName must be a host name alone, e.g. my-hub.azure-devices.net');
  }
  if (key && !/^([A-Za-z0-9+/]{4})*([A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/.test(key)) {
    faults.push('SharedAccessKey is not base64; it may have been cut off');
  }
  if (faults.length > 0) {
    throw new Error(`The IoT Hub connection string is not right: ${faults.join('; ')}.`);
  }
  return { hostName, keyName, key };
}
