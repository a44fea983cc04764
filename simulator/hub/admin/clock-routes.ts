import { z } from 'zod';
import type { HubState } from '../state/hub-state.ts';
import type { AdminAnswer, AdminRoute } from './admin-route.ts';
import { parseBody } from './parse.ts';

/** Beyond any time to live that a test could wait for. */
const MOST_SECONDS = 366 * 24 * 60 * 60;

const moveSchema = z.strictObject({ advanceSeconds: z.number().positive().max(MOST_SECONDS) });

export const clockRoutes: readonly AdminRoute[] = [
  { method: 'GET', path: '/clock', handle: ({ state }) => clockOf(state) },
  {
    method: 'POST',
    path: '/clock',
    handle: (request) => {
      const { advanceSeconds } = parseBody(request, moveSchema);
      request.state.clock.advance(advanceSeconds * 1000);
      return clockOf(request.state);
    },
  },
];

function clockOf({ clock }: HubState): AdminAnswer {
  return {
    status: 200,
    json: { now: new Date(clock.now()).toISOString(), offsetSeconds: clock.offsetMs / 1000 },
  };
}
