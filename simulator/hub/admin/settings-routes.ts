import type { AdminRoute } from './admin-route.ts';

/** They are set when the hub starts. */
export const settingsRoutes: readonly AdminRoute[] = [
  {
    method: 'GET',
    path: '/settings',
    handle: ({ state }) => ({ status: 200, json: state.settings }),
  },
];
