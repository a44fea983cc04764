import { Validator } from '@seriousme/openapi-schema-validator';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { PROBLEMS } from '../../functions/http/problem.ts';
import { startSimulatedDevice } from '../../simulator/devices/simulated-device.ts';
import type { SimulatedDevice } from '../../simulator/devices/simulated-device.ts';
import type { OpenApiDocument } from '../support/openapi.ts';
import { Stack } from '../support/stack.ts';

describe('/api/openapi.json of the deployed bundle', () => {
  let stack: Stack;
  let device: SimulatedDevice;
  let document: OpenApiDocument;

  beforeAll(async () => {
    stack = await Stack.start();
    device = await startSimulatedDevice({
      connectionString: stack.hub.deviceConnectionString('device-1'),
      certificateAuthorityPem: stack.hub.certificateAuthorityPem,
      gatewayHostName: `localhost:${stack.hub.ports.mqtt}`,
      print: () => undefined,
    });
    const response = await fetch(`${stack.app.url}/api/openapi.json`);
    document = (await response.json()) as OpenApiDocument;
  });
  afterAll(async () => {
    await device.stop();
    await stack.stop();
  });

  test('is valid OpenAPI 3.1', async () => {
    const validator = new Validator();

    const { valid, errors } = await validator.validate({ ...document });

    expect({ valid, errors, version: validator.version }).toEqual({
      valid: true,
      errors: undefined,
      version: '3.1',
    });
  });

  test('has every route of the table of triggers, with its key, and no other', () => {
    const triggers = stack.app.functions
      .filter(({ type, name }) => type === 'http' && !name.endsWith('NotAllowed'))
      .flatMap(({ name, route, methods = [], authLevel }) =>
        methods.map((method) => `${method} /${route} ${name} ${authLevel}`),
      );
    const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
      Object.entries(methods).map(([method, { operationId, security }]) => {
        const authLevel = security?.length === 0 ? 'anonymous' : 'function';
        return `${method.toUpperCase()} ${path} ${operationId} ${authLevel}`;
      }),
    );

    expect(operations.toSorted()).toEqual(triggers.toSorted());
  });

  test('answers the other methods of each path as MethodNotAllowed', async () => {
    for (const [path, methods] of Object.entries(document.paths)) {
      const route = path.replaceAll(/\{\w+\}/g, 'x');
      const method = 'patch' in methods ? 'put' : 'patch';
      expect(await stack.call(method.toUpperCase(), route)).toMatchObject({ status: 405 });
    }
  });

  test('has every problem code, and no other', () => {
    const codes = JSON.stringify([document.paths, document.components.responses]).matchAll(
      /"enum":(\["[a-z"\-,]+"\])/g,
    );
    const named = new Set([...codes].flatMap(([, list = '[]']) => JSON.parse(list) as string[]));
    const known = Object.keys(PROBLEMS);

    expect(known.filter((code) => !named.has(code))).toEqual([]);
    expect(document.components.schemas['Problem']).toMatchObject({
      properties: { code: { enum: known } },
    });
  });

  test('has examples that work', async () => {
    const answers: string[] = [];
    const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
      Object.entries(methods).map(([method, operation]) => ({ path, method, operation })),
    );
    // What is read has to be there, and what is purged has to be read before.
    const ORDER = ['post', 'get', 'delete'];
    operations.sort((a, b) => ORDER.indexOf(a.method) - ORDER.indexOf(b.method));
    for (const { path, method, operation } of operations) {
      const given = (operation.parameters ?? []).filter(({ example }) => example !== undefined);
      const route = given
        .filter((each) => each.in === 'path')
        .reduce((text, { name, example }) => text.replace(`{${name}}`, String(example)), path);
      const named = (place: string) =>
        Object.fromEntries(
          given
            .filter((each) => each.in === place)
            .map(({ name, example }) => [name, String(example)]),
        );
      const query = new URLSearchParams(named('query')).toString();
      const headers = named('header');
      const bodies = operation.requestBody?.content['application/json'].examples ?? { none: {} };
      for (const example of Object.values(bodies)) {
        const json = 'value' in example ? { json: example.value } : {};
        const { status } = await stack.call(
          method.toUpperCase(),
          query ? `${route}?${query}` : route,
          { headers, ...json },
        );
        answers.push(`${operation.operationId} ${status}`);
      }
    }

    expect(answers.filter((answer) => !/ 20[02]$/.test(answer))).toEqual([]);
    expect(answers.length).toBeGreaterThan(12);
  });

  test('the limits are those of the code', async () => {
    const { body } = await stack.call('GET', '/api/limits');

    expect(body).toMatchObject({
      messages: { maxBytes: 65_536, ttlSeconds: { max: 172_800 }, handOverSeconds: 30 },
      methods: { maxPayloadBytes: 131_072, responseTimeoutSeconds: { min: 5, max: 300 } },
      retentionDays: 90,
    });
  });
});
