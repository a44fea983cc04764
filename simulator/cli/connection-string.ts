import { UsageError } from './cli-error.ts';

interface ConnectionString {
  /** What its key gives access to. */
  readonly resource: string;
  readonly key: string;
  /** Absent if it is a device's. */
  readonly policyName?: string;
}

/** Of a policy, a device or a module. Throws a UsageError, which does not repeat the key. */
export function parseConnectionString(text: string): ConnectionString {
  const fields = new Map(
    text.split(';').flatMap((field): [string, string][] => {
      const equals = field.indexOf('=');
      return equals < 0 ? [] : [[field.slice(0, equals).trim(), field.slice(equals + 1).trim()]];
    }),
  );
  const hostName = fields.get('HostName');
  const key = fields.get('SharedAccessKey');
  const policyName = fields.get('SharedAccessKeyName');
  const deviceId = fields.get('DeviceId');
  if (!hostName || !key || !(policyName ?? deviceId)) {
    throw new UsageError(
      'The connection string must have HostName, SharedAccessKey and either SharedAccessKeyName or DeviceId.',
    );
  }
  const moduleId = fields.get('ModuleId');
  const device = deviceId === undefined ? [] : ['devices', deviceId];
  const module = moduleId === undefined ? [] : ['modules', moduleId];
  return {
    resource: [hostName, ...device, ...module].join('/'),
    key,
    ...(policyName !== undefined && { policyName }),
  };
}
