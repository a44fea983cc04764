import { z } from 'zod';
import { param } from '../https/route.ts';
import { HubError } from '../state/hub-error.ts';
import { ALL_RIGHTS, type SharedAccessPolicy } from '../state/shared-access-policies.ts';
import { DONE, type AdminRoute } from './admin-route.ts';
import { parseBody, parseQuery } from './parse.ts';

const showSchema = z.strictObject({ keys: z.enum(['true', 'false']).default('false') });
const putSchema = z.strictObject({
  rights: z.array(z.enum(ALL_RIGHTS)).min(1).exactOptional(),
  primaryKey: z.string().exactOptional(),
  secondaryKey: z.string().exactOptional(),
});

/** Shared access policies; keys are shown only to who asks for them. */
export const policyRoutes: readonly AdminRoute[] = [
  {
    method: 'GET',
    path: '/policies',
    handle: (request) => {
      const withKeys = parseQuery(request, showSchema).keys === 'true';
      const items = request.state.policies.list().map((policy) => policyJson(policy, withKeys));
      return { status: 200, json: { items } };
    },
  },
  {
    method: 'PUT',
    path: '/policies/{name}',
    handle: (request) => {
      const input = parseBody(request, putSchema);
      const policy = request.state.policies.put(param(request, 'name'), input);
      return { status: 200, json: policyJson(policy, false) };
    },
  },
  {
    method: 'DELETE',
    path: '/policies/{name}',
    handle: (request) => {
      const name = param(request, 'name');
      if (request.state.policies.remove(name)) return DONE;
      throw new HubError('notFound', `The hub has no shared access policy '${name}'`);
    },
  },
];

function policyJson(
  { name, rights, primaryKey, secondaryKey }: SharedAccessPolicy,
  withKeys: boolean,
) {
  return { name, rights, ...(withKeys && { primaryKey, secondaryKey }) };
}
