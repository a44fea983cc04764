import { entraSettingsSchema } from '../auth/entra-settings.ts';
import { DONE, type AdminRoute } from './admin-route.ts';
import { parseBody } from './parse.ts';

/** Public keys and role assignments: nothing here is secret. */
export const entraRoutes: readonly AdminRoute[] = [
  {
    method: 'GET',
    path: '/entra',
    handle: ({ entra }) => ({ status: 200, json: entra.settings ?? null }),
  },
  {
    method: 'PUT',
    path: '/entra',
    handle: (request) => {
      request.entra.replace(parseBody(request, entraSettingsSchema));
      return { status: 200, json: request.entra.settings };
    },
  },
  {
    method: 'DELETE',
    path: '/entra',
    handle: ({ entra }) => {
      entra.replace(undefined);
      return DONE;
    },
  },
];
