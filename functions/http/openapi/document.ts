import * as z from 'zod';
import type { ErrorCode } from '../../errors.ts';
import { PROBLEMS } from '../problem.ts';
import { operations } from './operations.ts';
import type { Operation, SuccessResponse } from './operations.ts';
import { resources } from './resources.ts';

type Json = Record<string, unknown>;

const HEADERS = {
  'x-request-id': { description: 'The id of the request.', schema: { type: 'string' } },
  traceparent: {
    description: 'The trace of the caller, if there is one, continued.',
    schema: { type: 'string' },
  },
  'retry-after': { description: 'Seconds.', schema: { type: 'integer' } },
  location: { description: 'Where to look.', schema: { type: 'string' } },
  etag: { description: 'For If-None-Match.', schema: { type: 'string' } },
  'idempotent-replayed': { description: 'Given with a repeat.', schema: { const: 'true' } },
  'preference-applied': { description: 'RFC 7240.', schema: { const: 'respond-async' } },
} as const;
type HeaderName = keyof typeof HEADERS;

/** The OpenAPI 3.1 document, made of the schemas that the routes validate with. */
export function openApiDocument(): Json {
  const paths: Record<string, Json> = {};
  for (const operation of operations) {
    (paths[operation.path] ??= {})[operation.method] = operationObject(operation);
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'Downlink',
      version: '1',
      description:
        'Commands to Azure IoT Hub devices, and an honest answer about what became of every one. ' +
        'Other HTTP methods on these paths are answered with the response MethodNotAllowed.',
    },
    security: [{ key: [] }, { code: [] }],
    paths,
    components: {
      schemas: componentSchemas(),
      headers: HEADERS,
      responses: { MethodNotAllowed: problemResponse(405, ['method-not-allowed']) },
      securitySchemes: {
        key: { type: 'apiKey', in: 'header', name: 'x-functions-key' },
        code: { type: 'apiKey', in: 'query', name: 'code' },
      },
    },
  };
}

function operationObject(operation: Operation): Json {
  const { id, summary, request, examples, open } = operation;
  const { path, query, headers, body } = request.shape;
  const parameters = [
    ...parametersOf('path', path, examples?.parameters),
    ...parametersOf('query', query, examples?.parameters),
    ...parametersOf('header', headers, examples?.parameters),
  ];
  return {
    operationId: id,
    summary,
    ...(parameters.length > 0 && { parameters }),
    ...(body && {
      requestBody: {
        content: {
          'application/json': { schema: inputSchema(body), examples: bodyExamples(operation) },
        },
      },
    }),
    responses: responsesOf(operation),
    ...(open && { security: [] }),
  };
}

function bodyExamples({ examples }: Operation): Json {
  return Object.fromEntries(
    Object.entries(examples?.bodies ?? {}).map(([name, value]) => [name, { value }]),
  );
}

function parametersOf(
  place: 'path' | 'query' | 'header',
  schema: z.ZodObject,
  examples: Readonly<Record<string, unknown>> = {},
): Json[] {
  const { properties = {}, required = [] } = inputSchema(schema) as {
    properties?: Record<string, Json>;
    required?: string[];
  };
  return Object.entries(properties)
    .filter(([name]) => !NOT_PARAMETERS.has(name))
    .map(([name, property]) => {
      const isRequired = place === 'path' || required.includes(name);
      const parameter = { name, in: place, required: isRequired, schema: property };
      return Object.hasOwn(examples, name)
        ? Object.assign(parameter, { example: examples[name] })
        : parameter;
    });
}

/** OpenAPI has a place of its own for what may be accepted. */
const NOT_PARAMETERS: ReadonlySet<string> = new Set(['accept']);

function responsesOf({ responses, problems, open, lenient }: Operation): Json {
  const answers: Record<string, Json> = {};
  for (const [status, response] of Object.entries(responses)) {
    answers[status] = {
      description: response.description,
      headers: headersOf(...(response.headers ?? [])),
      ...(response.resource && { content: contentOf(response.resource, response.eventStream) }),
    };
  }
  const always: ErrorCode[] = ['internal'];
  const validated: ErrorCode[] = lenient ? [] : ['invalid-request'];
  const keyed: ErrorCode[] = open ? [] : ['unauthorized', 'forbidden'];
  const byStatus = new Map<number, ErrorCode[]>();
  for (const code of [...validated, ...keyed, ...problems, ...always]) {
    const { status } = PROBLEMS[code];
    byStatus.set(status, [...(byStatus.get(status) ?? []), code]);
  }
  for (const [status, codes] of byStatus) answers[status] ??= problemResponse(status, codes);
  return answers;
}

function contentOf(resource: NonNullable<SuccessResponse['resource']>, eventStream = false): Json {
  return {
    'application/json': { schema: schemaOf(resource) },
    ...(eventStream && { 'text/event-stream': { schema: { type: 'string' } } }),
  };
}

function schemaOf(resource: NonNullable<SuccessResponse['resource']>): Json {
  if (resource === 'document') return { type: 'object' };
  if (typeof resource !== 'string') return { anyOf: resource.map(schemaOf) };
  return { $ref: `#/components/schemas/${resource}` };
}

function problemResponse(status: number, codes: readonly ErrorCode[]): Json {
  const retryAfter = status === 429 || status === 503;
  return {
    description: codes.map((code) => `${code}: ${PROBLEMS[code].title}.`).join(' '),
    headers: headersOf(...(retryAfter ? (['retry-after'] as const) : [])),
    content: {
      'application/problem+json': {
        schema: {
          allOf: [
            { $ref: '#/components/schemas/Problem' },
            { properties: { status: { const: status }, code: { enum: codes } } },
          ],
        },
      },
    },
  };
}

function headersOf(...names: readonly HeaderName[]): Json {
  return Object.fromEntries(names.map((name) => [name, { $ref: `#/components/headers/${name}` }]));
}

function componentSchemas(): Json {
  const registry = z.registry<{ id: string }>();
  for (const [id, schema] of Object.entries(resources)) registry.add(schema, { id });
  const { schemas } = z.toJSONSchema(registry, {
    io: 'output',
    override,
    uri: (id) => `#/components/schemas/${id}`,
  });
  return Object.fromEntries(
    Object.entries(schemas).map(([id, { $schema: _dialect, $id: _address, ...schema }]) => [
      id,
      schema,
    ]),
  );
}

function inputSchema(schema: z.ZodType): Json {
  const { $schema: _dialect, ...json } = z.toJSONSchema(schema, {
    io: 'input',
    unrepresentable: 'any',
    override,
  });
  return json;
}

function override({ jsonSchema }: { jsonSchema: z.core.JSONSchema.BaseSchema }): void {
  // A number in a query is text that is checked by its pattern; a time is more than any pattern says.
  if (jsonSchema.type === 'integer' || jsonSchema.format === 'date-time') delete jsonSchema.pattern;
  // What any number is held to in JavaScript says nothing.
  if (jsonSchema.minimum === Number.MIN_SAFE_INTEGER) delete jsonSchema.minimum;
  if (jsonSchema.maximum === Number.MAX_SAFE_INTEGER) delete jsonSchema.maximum;
}
