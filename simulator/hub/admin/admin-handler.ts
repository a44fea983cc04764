import type { IncomingMessage, ServerResponse } from 'node:http';
import { readBody } from '../https/read-body.ts';
import { findRoute, pathSegments } from '../https/route.ts';
import { HubError } from '../state/hub-error.ts';
import type { AdminContext } from './admin-context.ts';
import type { AdminAnswer, AdminRoute } from './admin-route.ts';
import { certificateRoutes } from './certificate-routes.ts';
import { clockRoutes } from './clock-routes.ts';
import { connectionLists } from './connection-lists.ts';
import { connectionRoutes } from './connection-routes.ts';
import { entraRoutes } from './entra-routes.ts';
import { eventRoutes } from './event-routes.ts';
import { faultRoutes } from './fault-routes.ts';
import { inspectionRoutes } from './inspection-routes.ts';
import { limitsRoutes } from './limits-routes.ts';
import { policyRoutes } from './policy-routes.ts';
import { problemOf } from './problem.ts';
import { settingsRoutes } from './settings-routes.ts';
import { snapshotRoutes } from './snapshot-routes.ts';

const ADMIN_PATH = /^\/(?:\$|%24)downlink(?:\/|\?|$)/i;
const OWNER = 'iothubowner';
const MAX_BODY_BYTES = 64 * 1024;

const routes: readonly AdminRoute[] = [
  ...clockRoutes,
  ...faultRoutes,
  ...limitsRoutes,
  ...settingsRoutes,
  ...connectionLists,
  ...connectionRoutes,
  ...inspectionRoutes,
  ...eventRoutes,
  ...snapshotRoutes,
  ...certificateRoutes,
  ...policyRoutes,
  ...entraRoutes,
];

/** Answers what is below `/$downlink`; false for anything else. Planned faults do not hit it and no log shows it. */
export function adminHandler(
  context: AdminContext,
): (request: IncomingMessage, response: ServerResponse) => boolean {
  return (request, response) => {
    if (!ADMIN_PATH.test(request.url ?? '')) return false;
    void answer(context, request).then(
      (given) => send(request, response, given),
      (error: unknown) => sendProblem(response, error),
    );
    return true;
  };
}

async function answer(context: AdminContext, request: IncomingMessage): Promise<AdminAnswer> {
  const [path = '', search = ''] = (request.url ?? '').split(/\?(.*)/s);
  const segments = pathSegments(path);
  authorize(context, request, segments);
  const { route, params } = findRoute(routes, request.method, segments.slice(1));
  const body = await readBody(request, route.maxBodyBytes ?? MAX_BODY_BYTES);
  return route.handle({ ...context, params, query: new URLSearchParams(search), body });
}

function authorize(
  { authenticator }: AdminContext,
  { headers }: IncomingMessage,
  segments: readonly string[],
): void {
  if (headers.authorization === undefined)
    throw new HubError('unauthorized', 'The Authorization header is missing');
  const right = 'registryWrite';
  const { policyName } = authenticator.service(headers.authorization, right, segments);
  if (policyName !== OWNER)
    throw new HubError('unauthorized', `Only a token of the policy ${OWNER} is taken here`);
}

function send(
  request: IncomingMessage,
  response: ServerResponse,
  { status, json, afterwards }: AdminAnswer,
): void {
  if (afterwards) {
    response.setHeader('connection', 'close');
    request.socket.once('close', afterwards);
  }
  if (json === undefined) response.writeHead(status).end();
  else sendJson(response, status, 'application/json', json);
}

function sendProblem(response: ServerResponse, error: unknown): void {
  const problem = problemOf(error);
  sendJson(response, problem.status, 'application/problem+json', problem);
}

function sendJson(
  response: ServerResponse,
  status: number,
  contentType: string,
  value: unknown,
): void {
  const body = JSON.stringify(value);
  response.writeHead(status, {
    'content-type': `${contentType}; charset=utf-8`,
    'content-length': String(Buffer.byteLength(body)),
  });
  response.end(body);
}
