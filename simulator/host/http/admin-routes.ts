import type { IncomingMessage, ServerResponse } from 'node:http';
import { z } from 'zod';
import { readBody } from './read-body.ts';
import { writeEmpty, writeJson, writeText } from './write-response.ts';

export interface Admin {
  status(): object;
  /** Starts a function by hand and does not wait for it. */
  runFunction(name: string, input: string): 'started' | 'unknown' | 'has a route';
}

const bodySchema = z.object({ input: z.string().default('') });

/** What lies under /admin, for those who showed the master key. */
export async function answerAdmin(
  request: IncomingMessage,
  response: ServerResponse,
  path: readonly string[],
  admin: Admin,
): Promise<void> {
  const [, area = '', name = '', ...rest] = path;
  const route = `${request.method ?? ''} ${area.toLowerCase()}`;
  if (route === 'GET host' && name.toLowerCase() === 'status' && rest.length === 0) {
    writeJson(response, 200, admin.status());
  } else if (route === 'POST functions' && name !== '' && rest.length === 0) {
    await runFunction(request, response, name, admin);
  } else {
    writeEmpty(response, 404);
  }
}

async function runFunction(
  request: IncomingMessage,
  response: ServerResponse,
  name: string,
  admin: Admin,
): Promise<void> {
  const input = parseInput((await readBody(request)).toString());
  if (input === undefined) {
    writeText(response, 400, 'The body must be JSON such as { "input": "text" }.');
    return;
  }
  const outcome = admin.runFunction(name, input);
  if (outcome === 'has a route') {
    writeText(response, 400, `${name} is an HTTP function: call its route.`);
  } else {
    writeEmpty(response, outcome === 'started' ? 202 : 404);
  }
}

function parseInput(body: string): string | undefined {
  try {
    return bodySchema.parse(JSON.parse(body === '' ? '{}' : body)).input;
  } catch {
    return undefined;
  }
}
