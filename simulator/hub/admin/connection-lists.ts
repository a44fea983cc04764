import { z } from 'zod';
import type { ConnectionInfo } from '../connection-info.ts';
import { PROTOCOLS, type Protocol } from './admin-context.ts';
import type { AdminAnswer, AdminRequest, AdminRoute } from './admin-route.ts';
import { parseQuery } from './parse.ts';

const DEFAULT_LIMIT = 1000;

const querySchema = z.strictObject({
  protocol: z.enum(PROTOCOLS).exactOptional(),
  /** As `identities` has it, such as `device device-1`. */
  identity: z.string().exactOptional(),
  limit: z.coerce.number().int().min(1).max(100_000).default(DEFAULT_LIMIT),
});

/** Who is connected now, and by which links. */
export const connectionLists: readonly AdminRoute[] = [
  { method: 'GET', path: '/connections', handle: listConnections },
  { method: 'GET', path: '/links', handle: listLinks },
];

function listConnections(request: AdminRequest): AdminAnswer {
  const { total, items } = connectionsOf(request, PROTOCOLS);
  return {
    status: 200,
    json: {
      total,
      items: items.map(({ connectedAt, links, ...connection }) =>
        Object.assign(connection, {
          connectedAt: new Date(connectedAt).toISOString(),
          links: links?.length,
        }),
      ),
    },
  };
}

function listLinks(request: AdminRequest): AdminAnswer {
  const links = connectionsOf(request, ['amqp']).items.flatMap(({ peer, links: own = [] }) =>
    own.map(({ attachedAt, ...link }) => ({
      peer,
      ...link,
      attachedAt: new Date(attachedAt).toISOString(),
    })),
  );
  return { status: 200, json: { total: links.length, items: links } };
}

function connectionsOf(
  request: AdminRequest,
  protocols: readonly Protocol[],
): { total: number; items: ConnectionInfo[] } {
  const { protocol, identity, limit } = parseQuery(request, querySchema);
  const found = protocols
    .filter((each) => protocol === undefined || each === protocol)
    .flatMap((each) => request.connections.list(each))
    .filter(({ identities }) => identity === undefined || identities.includes(identity));
  return { total: found.length, items: found.slice(0, limit) };
}
