import { snapshotSchema } from '../snapshot-schema.ts';
import type { Connections } from './admin-context.ts';
import { DONE, type AdminAnswer, type AdminRequest, type AdminRoute } from './admin-route.ts';
import { parseBody } from './parse.ts';
import { InvalidRequestError } from './problem.ts';

/** For some thousand full queues. */
const MAX_SNAPSHOT_BYTES = 256 * 1024 * 1024;

export const snapshotRoutes: readonly AdminRoute[] = [
  {
    method: 'GET',
    path: '/snapshot',
    handle: ({ state }) => ({ status: 200, json: state.snapshot() }),
  },
  { method: 'PUT', path: '/snapshot', maxBodyBytes: MAX_SNAPSHOT_BYTES, handle: replaceState },
  {
    method: 'POST',
    path: '/reset',
    handle: ({ resetState, faults, connections }) => {
      resetState();
      faults.clear();
      dropAll(connections);
      return DONE;
    },
  },
];

function replaceState(request: AdminRequest): AdminAnswer {
  const snapshot = parseBody(request, snapshotSchema);
  try {
    request.state.replace(snapshot);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new InvalidRequestError(`The parts of the snapshot do not fit together: ${reason}`);
  }
  dropAll(request.connections);
  return DONE;
}

/** Whoever is connected was so to the hub that is gone; over HTTPS nobody stays connected. */
function dropAll(connections: Connections): void {
  connections.drop('amqp');
  connections.drop('mqtt');
}
