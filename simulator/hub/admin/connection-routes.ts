import { z } from 'zod';
import { PROTOCOLS, type Protocol } from './admin-context.ts';
import { DONE, type AdminRoute } from './admin-route.ts';
import { parseBody } from './parse.ts';

const condition = z.string().min(1);
const dropSchema = z.strictObject({ protocol: z.enum(PROTOCOLS).exactOptional() });
const closeSchema = z
  .strictObject({ condition, description: z.string().exactOptional() })
  .optional();
const detachSchema = z.strictObject({
  addressSuffix: z.string().min(1),
  condition: condition.default('amqp:link:detach-forced'),
});

export const connectionRoutes: readonly AdminRoute[] = [
  {
    method: 'POST',
    path: '/connections/drop',
    handle: (request) => {
      const { protocol } = parseBody(request, dropSchema);
      const dropped: readonly Protocol[] = protocol === undefined ? PROTOCOLS : [protocol];
      for (const each of dropped) if (each !== 'https') request.connections.drop(each);
      if (!dropped.includes('https')) return DONE;
      // The caller's own is one of them.
      return { ...DONE, afterwards: () => request.connections.drop('https') };
    },
  },
  {
    method: 'POST',
    path: '/connections/close',
    handle: (request) => {
      request.connections.closeAmqp(
        request.body.length > 0 ? parseBody(request, closeSchema) : undefined,
      );
      return DONE;
    },
  },
  {
    method: 'POST',
    path: '/links/detach',
    handle: (request) => {
      const { addressSuffix, condition: reason } = parseBody(request, detachSchema);
      request.connections.detachAmqpLinks(addressSuffix, reason);
      return DONE;
    },
  },
];
