import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import * as fc from 'fast-check';
import { startSimulatedDevice } from '../../simulator/devices/simulated-device.ts';
import type { SimulatedDevice } from '../../simulator/devices/simulated-device.ts';
import { documentChecker } from '../support/openapi.ts';
import type { OpenApiDocument } from '../support/openapi.ts';
import { Stack } from '../support/stack.ts';

const BATCH = 100;
const BATCHES = 100;

interface GeneratedRequest {
  readonly method: string;
  readonly path: string;
  readonly pathParameters: Readonly<Record<string, string>>;
  readonly query: readonly (readonly [string, string])[];
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | undefined;
}

type Schema = Readonly<Record<string, unknown>>;

/** What the document says of a value, and now and then something else. */
function valueOf(schema: Schema): fc.Arbitrary<unknown> {
  return fc.oneof(
    { weight: 30, arbitrary: valid(schema) },
    { weight: 1, arbitrary: fc.jsonValue({ maxDepth: 2 }) },
  );
}

function valid(schema: Schema): fc.Arbitrary<unknown> {
  const { type, enum: values, pattern, format, properties, minimum, maximum } = schema;
  if (Array.isArray(values)) return fc.constantFrom(...(values as unknown[]));
  if ('const' in schema) return fc.constant(schema['const']);
  if (typeof pattern === 'string') {
    return fc.stringMatching(new RegExp(pattern, 'u'), { maxLength: 40 });
  }
  if (format === 'date-time') {
    const min = new Date(Date.now() - 60_000);
    const max = new Date(Date.now() + 4 * 24 * 3_600_000);
    return fc.date({ min, max, noInvalidDate: true }).map((date) => date.toISOString());
  }
  if (type === 'integer') {
    return fc.integer({ min: Number(minimum ?? -10), max: Math.min(Number(maximum ?? 10), 1e6) });
  }
  if (type === 'boolean') return fc.boolean();
  if (type === 'string') return fc.string({ unit: 'binary', maxLength: 60 });
  if (properties !== undefined) return objectOf(properties as Record<string, Schema>);
  if (typeof schema['additionalProperties'] === 'object') {
    const each = schema['additionalProperties'] as Schema;
    const names = fc.stringMatching(/^[A-Za-z][A-Za-z0-9_.-]{0,11}$/);
    return fc.dictionary(names, valid(each), { maxKeys: 5 });
  }
  return fc.jsonValue({ maxDepth: 3 });
}

function objectOf(properties: Readonly<Record<string, Schema>>): fc.Arbitrary<unknown> {
  // An offline device is waited for as long as the call says.
  const { connectTimeoutSeconds: _wait, ...quick } = properties;
  const members = Object.fromEntries(
    Object.entries(quick).map(([name, schema]) => [
      name,
      name === 'messageId' ? MESSAGE_ID : valueOf(schema),
    ]),
  );
  const known = fc
    .tuple(fc.record(members, { requiredKeys: [] }), mostly(true))
    .map(([value, isTidy]) => (isTidy ? withoutClashes(value) : value));
  const unknown = known.map((value) => Object.assign({}, value, { unheardOf: 1 }));
  return fc.oneof({ weight: 9, arbitrary: known }, { weight: 1, arbitrary: unknown });
}

const MESSAGE_ID = fc.constantFrom(...Array.from({ length: 20 }, (_, index) => `m-${index}`));

/** What cannot stand beside one another. */
const CLASHES = [
  ['body', 'bodyText', 'bodyBase64'],
  ['ttlSeconds', 'expiresAt'],
];

function withoutClashes(value: Record<string, unknown>): Record<string, unknown> {
  const dropped = new Set(
    CLASHES.flatMap((names) => names.filter((name) => Object.hasOwn(value, name)).slice(1)),
  );
  return Object.fromEntries(Object.entries(value).filter(([name]) => !dropped.has(name)));
}

function mostly(value: boolean): fc.Arbitrary<boolean> {
  return fc.oneof(
    { weight: 9, arbitrary: fc.constant(value) },
    { weight: 1, arbitrary: fc.constant(!value) },
  );
}

/** What often makes a request invalid. */
const TOKENS = new Set([
  'idempotency-key',
  'continuationToken',
  'after',
  'last-event-id',
  'if-none-match',
]);

function withoutTokens(parameters: Record<string, string>): Record<string, string> {
  return Object.fromEntries(Object.entries(parameters).filter(([name]) => !TOKENS.has(name)));
}

const text = fc.string({ unit: 'binary', minLength: 1, maxLength: 30 });
const headerText = fc.string({ unit: 'grapheme-ascii', minLength: 1, maxLength: 40 });

function parameterValue(name: string, schema: Schema): fc.Arbitrary<string> {
  // A second each is waited for at the most.
  if (name === 'waitSeconds') return fc.constantFrom('1', '0', '31', 'x');
  const likely =
    name === 'deviceId'
      ? fc.constantFrom('device-1', 'device-1', 'device-2', 'device-3')
      : name === 'messageId'
        ? MESSAGE_ID
        : valid(schema).map(String);
  return fc.oneof({ weight: 15, arbitrary: likely }, { weight: 1, arbitrary: text });
}

function requests(document: OpenApiDocument): fc.Arbitrary<GeneratedRequest> {
  const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => {
      const parameters = operation.parameters ?? [];
      const of = (place: string) => parameters.filter((each) => each.in === place);
      const values = (place: string, optional: boolean) => {
        const all = fc.record(
          Object.fromEntries(
            of(place).map(({ name, schema }) => [
              name,
              place === 'header'
                ? 'pattern' in schema
                  ? fc.oneof(valid(schema).map(String), headerText)
                  : headerText
                : parameterValue(name, schema),
            ]),
          ),
          optional ? { requiredKeys: [] } : {},
        ) as fc.Arbitrary<Record<string, string>>;
        return fc
          .tuple(all, mostly(true))
          .map(([given, isTidy]) => (isTidy ? withoutTokens(given) : given));
      };
      const schema = operation.requestBody?.content['application/json'].schema;
      const body = schema
        ? fc.oneof(
            { weight: 12, arbitrary: valueOf(schema).map((value) => JSON.stringify(value)) },
            { weight: 1, arbitrary: text },
            { weight: 1, arbitrary: fc.constant('') },
          )
        : fc.constant('');
      return fc.record({
        method: fc.constant(method.toUpperCase()),
        path: fc.constant(path),
        pathParameters: values('path', false),
        query: fc
          .tuple(
            values('query', true),
            fc.oneof(
              { weight: 9, arbitrary: fc.constant([]) },
              { weight: 1, arbitrary: fc.array(fc.tuple(text, text), { maxLength: 2 }) },
            ),
          )
          .map(([known, unknown]) => Object.entries(known).concat(unknown)),
        headers: fc
          .tuple(
            values('header', true),
            fc.constantFrom<Record<string, string>>(
              ...Array.from({ length: 8 }, () => ({ 'content-type': 'application/json' })),
              { 'content-type': 'application/json; charset=utf-8', accept: 'text/event-stream' },
              { 'content-type': 'text/plain' },
              { 'content-type': 'application/json', 'x-functions-key': 'wrong' },
            ),
          )
          .map(([known, other]) => Object.assign({}, known, other)),
        body: body.map((each) => each || undefined),
      });
    }),
  );
  return fc.oneof(...operations);
}

describe('the API, asked whatever its document allows and more', () => {
  let stack: Stack;
  let device: SimulatedDevice;

  beforeAll(async () => {
    stack = await Stack.start();
    device = await startSimulatedDevice({
      connectionString: stack.hub.deviceConnectionString('device-1'),
      certificateAuthorityPem: stack.hub.certificateAuthorityPem,
      gatewayHostName: `localhost:${stack.hub.ports.mqtt}`,
      print: () => undefined,
    });
  });
  afterAll(async () => {
    await device.stop();
    await stack.stop();
  });

  test(`answers ${BATCH * BATCHES} requests as the document says, and none with a 5xx`, async () => {
    const response = await fetch(`${stack.app.url}/api/openapi.json`);
    const document = (await response.json()) as OpenApiDocument;
    const check = documentChecker(document);
    const statuses = new Map<string, number>();

    const send = async (request: GeneratedRequest): Promise<string | undefined> => {
      const url = new URL(stack.app.url);
      url.pathname = Object.entries(request.pathParameters).reduce(
        (path, [name, value]) => path.replace(`{${name}}`, () => encodeURIComponent(value)),
        request.path,
      );
      url.search = request.query.map((pair) => pair.map(encodeURIComponent).join('=')).join('&');
      // A stream waits for 25 s unless told otherwise.
      if (request.path === '/api/events' && !url.searchParams.has('waitSeconds')) {
        url.searchParams.set('waitSeconds', '0');
      }
      const answer = await fetch(url, {
        method: request.method,
        headers: { 'x-functions-key': 'local-development-key', ...request.headers },
        ...(request.body !== undefined && { body: request.body }),
      });
      const { status, headers } = answer;
      const answered = await answer.text();
      const isJson = headers.get('content-type')?.includes('json') ?? false;
      const kind = `${request.method} ${request.path} ${status}`;
      statuses.set(kind, (statuses.get(kind) ?? 0) + 1);
      if (status >= 500) return `${kind}: ${answered}`;
      const body = answered === '' ? undefined : isJson ? JSON.parse(answered) : answered;
      return check({ method: request.method, route: url.pathname, status, headers, body });
    };

    await fc.assert(
      fc.asyncProperty(
        fc.array(requests(document), { minLength: BATCH, maxLength: BATCH }),
        async (batch) => {
          const faults = await Promise.all(batch.map(send));
          expect(faults.filter((fault) => fault !== undefined)).toEqual([]);
        },
      ),
      { numRuns: BATCHES, endOnFailure: true },
    );

    const sent = [...statuses.values()].reduce((total, count) => total + count, 0);
    const table = [...statuses].toSorted(([a], [b]) => (a < b ? -1 : 1));
    process.stdout.write(`${table.map(([kind, count]) => `${count} ${kind}`).join('\n')}\n`);
    expect(sent).toBe(BATCH * BATCHES);
    // Nothing is proved by refusals alone.
    for (const operation of ['POST /api/devices/{deviceId}/messages 202', 'GET /api/events 200']) {
      expect(statuses.get(operation)).toBeGreaterThan(20);
    }
  });
});
