import { z } from 'zod';
import { EFFECTS_AT, FAULT_POINTS, isPossible, type FaultEffect } from '../faults/fault-effect.ts';
import type { PlannedFault } from '../faults/fault-plan.ts';
import { param } from '../https/route.ts';
import { HubError } from '../state/hub-error.ts';
import { DONE, type AdminAnswer, type AdminRequest, type AdminRoute } from './admin-route.ts';
import { parseBody } from './parse.ts';

/** One hour: no client waits longer. */
const LONGEST_DELAY_MS = 60 * 60 * 1000;

const count = z.number().int().positive();
const texts = {
  condition: z.string().min(1).exactOptional(),
  description: z.string().exactOptional(),
};
const plain = <K extends FaultEffect['kind']>(kind: K) => z.strictObject({ kind: z.literal(kind) });
const effectSchema: z.ZodType<FaultEffect> = z.discriminatedUnion('kind', [
  plain('no-answer'),
  plain('accept-then-no-answer'),
  plain('drop-connection'),
  plain('accept-then-drop-connection'),
  z.strictObject({ kind: z.literal('close-connection'), ...texts }),
  z.strictObject({ kind: z.literal('detach-link'), ...texts }),
  z.strictObject({ kind: z.literal('delay'), ms: z.number().nonnegative().max(LONGEST_DELAY_MS) }),
  z.strictObject({
    kind: z.literal('error'),
    ...texts,
    httpStatus: z.number().int().min(400).max(599).exactOptional(),
    code: count.exactOptional(),
  }),
  plain('lose'),
  plain('duplicate'),
  plain('reorder'),
]);

const faultSchema = z
  .strictObject({
    point: z.enum(FAULT_POINTS),
    effect: effectSchema,
    times: count.exactOptional(),
    probability: z.number().positive().max(1).exactOptional(),
    seed: z.number().int().exactOptional(),
    deviceId: z.string().min(1).exactOptional(),
  })
  .refine(({ probability, seed }) => probability !== undefined || seed === undefined, {
    path: ['seed'],
    message: 'goes with probability only',
    // Told together with whatever else is wrong.
    when: ({ value }) => typeof value === 'object' && value !== null,
  })
  .superRefine(({ point, effect }, context) => {
    if (isPossible(point, effect)) return;
    const message = `is none of those at ${point}: ${EFFECTS_AT[point].join(', ')}`;
    context.addIssue({ code: 'custom', path: ['effect', 'kind'], message });
  });

export const faultRoutes: readonly AdminRoute[] = [
  {
    method: 'GET',
    path: '/faults',
    handle: ({ faults }) => ({ status: 200, json: { items: faults.list().map(faultJson) } }),
  },
  { method: 'POST', path: '/faults', handle: plan },
  {
    method: 'DELETE',
    path: '/faults',
    handle: ({ faults }) => {
      faults.clear();
      return DONE;
    },
  },
  {
    method: 'DELETE',
    path: '/faults/{id}',
    handle: (request) => {
      const id = param(request, 'id');
      if (request.faults.remove(Number(id))) return DONE;
      throw new HubError('notFound', `No fault ${id} is planned, or it has happened already`);
    },
  },
];

function plan(request: AdminRequest): AdminAnswer {
  const { point, effect, ...timing } = parseBody(request, faultSchema);
  const id = request.faults.add(point, effect, timing);
  const planned = request.faults.list().filter((fault) => fault.id === id);
  return { status: 201, json: planned.map(faultJson)[0] };
}

/** JSON has no Infinity: null is for ever. */
function faultJson({ remaining, ...fault }: PlannedFault): object {
  return Object.assign(fault, { remaining: Number.isFinite(remaining) ? remaining : null });
}
