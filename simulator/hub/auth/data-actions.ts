import type { Right } from '../state/shared-access-policies.ts';

/**
 * What a principal of Entra may be allowed to do, with the right that a shared access policy needs for the same.
 * https://learn.microsoft.com/azure/iot-hub/authenticate-authorize-azure-ad#permissions-for-iot-hub-service-apis
 */
const RIGHTS = {
  'devices/read': 'registryRead',
  'devices/write': 'registryWrite',
  'devices/delete': 'registryWrite',
  'statistics/read': 'registryRead',
  'twins/read': 'serviceConnect',
  'twins/write': 'serviceConnect',
  'cloudToDeviceMessages/send/action': 'serviceConnect',
  'cloudToDeviceMessages/feedback/action': 'serviceConnect',
  'cloudToDeviceMessages/queue/purge/action': 'serviceConnect',
  'directMethods/invoke/action': 'serviceConnect',
  'fileUpload/notifications/action': 'serviceConnect',
  'jobs/read': 'registryRead',
  'jobs/write': 'registryWrite',
  'jobs/delete': 'registryWrite',
  'configurations/read': 'registryRead',
  'configurations/write': 'registryWrite',
  'configurations/delete': 'registryWrite',
  'configurations/applyToEdgeDevice/action': 'registryWrite',
  'configurations/testQueries/action': 'registryRead',
} as const satisfies Readonly<Record<string, Right>>;

export type DataAction = keyof typeof RIGHTS;

/** What an operation of a back end takes; one that names a plain right cannot be used with Entra at all. */
export type Permission = Right | DataAction;

export const DATA_ACTION_PREFIX = 'Microsoft.Devices/IotHubs/';

export function isDataAction(permission: Permission): permission is DataAction {
  return permission in RIGHTS;
}

export function rightFor(permission: Permission): Right {
  return isDataAction(permission) ? RIGHTS[permission] : permission;
}
