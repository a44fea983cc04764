import { json, type Route } from './route.ts';

const shared = {
  method: 'GET',
  right: 'statistics/read',
  errors: 'registry',
  maxBodyBytes: 1024,
} as const;

/** https://learn.microsoft.com/rest/api/iothub/service/statistics */
export const statisticsRoutes: readonly Route[] = [
  {
    ...shared,
    path: '/statistics/devices',
    handle: ({ state }) => {
      const devices = state.registry.list(Infinity);
      const enabled = devices.filter(({ status }) => status === 'enabled').length;
      return json(200, {
        totalDeviceCount: devices.length,
        enabledDeviceCount: enabled,
        disabledDeviceCount: devices.length - enabled,
      });
    },
  },
  {
    ...shared,
    path: '/statistics/service',
    handle: ({ state }) => {
      const devices = state.registry.list(Infinity);
      const connected = devices.filter(({ connectionState }) => connectionState === 'Connected');
      return json(200, { connectedDeviceCount: connected.length });
    },
  },
];
