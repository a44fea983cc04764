import { z } from 'zod';
import { MOST_UNITS, SKUS } from '../state/service-tiers.ts';
import { DONE, type AdminAnswer, type AdminRequest, type AdminRoute } from './admin-route.ts';
import { parseBody } from './parse.ts';

const tierSchema = z
  .strictObject({ sku: z.enum(SKUS), units: z.number().int().positive().default(1) })
  .superRefine((tier, context) => {
    if (tier.units <= MOST_UNITS[tier.sku]) return;
    const message = `must be at most ${MOST_UNITS[tier.sku]} for ${tier.sku}`;
    context.addIssue({ code: 'custom', path: ['units'], message });
  });

/** How large a hub this one plays. */
export const limitsRoutes: readonly AdminRoute[] = [
  { method: 'GET', path: '/limits', handle: limitsOf },
  {
    method: 'PUT',
    path: '/limits',
    handle: (request) => {
      request.state.throttles.set(parseBody(request, tierSchema));
      return limitsOf(request);
    },
  },
  {
    method: 'DELETE',
    path: '/limits',
    handle: ({ state }) => {
      state.throttles.set(undefined);
      return DONE;
    },
  },
];

function limitsOf({ state }: AdminRequest): AdminAnswer {
  return { status: 200, json: state.throttles.inForce() ?? { sku: null } };
}
