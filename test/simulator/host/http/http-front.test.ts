import { beforeAll, describe, expect, test } from '@jest/globals';
import { once } from 'node:events';
import http from 'node:http';
import net from 'node:net';
import { text } from 'node:stream/consumers';
import { bundleApp, KEY, startHost, type HostProcess } from '../host-process.ts';

const MAX_BODY_BYTES = 104_857_600;
const MASTER = 'the-master-key';

let host: HostProcess;

beforeAll(async () => {
  host = await startHost(await bundleApp('http-app.js'), {
    environment: {
      DOWNLINK_MASTER_KEY: MASTER,
      'AzureWebJobs.switchedOff.Disabled': 'true',
    },
  });
});

async function json(route: string, init?: RequestInit): Promise<unknown> {
  const response = await host.fetch(route, init);
  return response.json();
}

/** Sent to the letter: fetch would rewrite it. */
async function raw(requestText: string): Promise<string> {
  const socket = net.connect(Number(new URL(host.url).port), '127.0.0.1');
  socket.end(requestText.replaceAll('\n', '\r\n'));
  return text(socket);
}

describe('an HTTP function of a bundle', () => {
  test('gets the request and the trace, and neither keys nor a forged identity', async () => {
    const answer = await json('/echo/7/a/b?x=1&x=2', {
      method: 'POST',
      body: '{"a":"ü"}',
      headers: {
        'x-ms-client-principal': Buffer.from('{"userId":"boss"}').toString('base64'),
        'X-MS-Client-Principal-Name': 'boss',
        'x-own': 'mine',
        'x-request-id': 'request-1',
        traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
        tracestate: 'vendor=1',
      },
    });

    expect(answer).toMatchObject({
      method: 'POST',
      url: `${host.url}/echo/7/a/b?x=1&x=2`,
      params: { id: '7', rest: 'a/b' },
      query: { x: '2' },
      body: '{"a":"ü"}',
      user: null,
      headers: { 'x-own': 'mine', 'x-request-id': 'request-1' },
      functionName: 'echo',
      hostName: new URL(host.url).host,
      secrets: [],
      trace: {
        traceParent: expect.stringMatching(
          /^00-0af7651916cd43dd8448eb211c80319c-(?!b7ad6b7169203331)[0-9a-f]{16}-01$/,
        ),
        traceState: 'vendor=1',
        attributes: { 'x-request-id': 'request-1' },
      },
    });
    expect(JSON.stringify(answer)).not.toContain('client-principal');
  });

  test.each([
    ['percent-encoding, once', '/echo/%C3%BC%20%2541/', { id: 'ü %41' }],
    ['but a slash', '/echo/a%2Fb%252F/c%2fd', { id: 'a%2Fb%2F', rest: 'c%2fd' }],
    ['nor what is no UTF-8', '/echo/%FF%C3%BC%zz/', { id: '%FFü%zz' }],
    ['nor a plus', '/echo/a+b/', { id: 'a+b' }],
  ])('gets route values decoded: %s', async (_, route, params) => {
    const answer = await raw(`GET ${route} HTTP/1.1\nHost: localhost\nConnection: close\n\n`);

    expect(JSON.parse(answer.split('\r\n\r\n')[1] ?? '')).toMatchObject({ params });
  });

  test('cannot be reached around a dot segment', async () => {
    const answer = await raw(
      'GET /echo/%2e%2e/guarded HTTP/1.1\nHost: localhost\nConnection: close\n\n',
    );

    expect(answer).toMatch(/^HTTP\/1.1 401 /);
  });

  test.each([
    ['/items/list', 'literal', {}],
    ['/ITEMS/List/', 'literal', {}],
    ['/items/12', 'constrained', { id: '12' }],
    ['/items/99999999999', 'parameter', { id: '99999999999' }],
    ['/items/a.b.c', 'mixed', { name: 'a.b', type: 'c' }],
    ['/items/word', 'parameter', { id: 'word' }],
    ['/items/a/b', 'catchAll', { rest: 'a/b' }],
    ['/items', 'catchAll', {}],
    ['/pages', 'optional', {}],
    ['/pages/3', 'optional', { number: '3' }],
    ['/sheets', 'defaulted', { size: 'a4' }],
  ])('is chosen by its route: %s', async (route, name, params) => {
    expect(await json(route)).toEqual({ name, params });
  });

  test.each([
    ['a constraint that fails', 'GET', '/pages/0'],
    ['an unknown path', 'GET', '/unknown'],
    ['another method', 'PUT', '/items/list'],
    ['an empty segment', 'GET', '/pages//3'],
    ['a function that is switched off', 'GET', `/switchedOff?code=${KEY}`],
  ])('answers 404 without a body for %s', async (_, method, route) => {
    const response = await host.fetch(route, { method });

    expect([response.status, await response.text()]).toEqual([404, '']);
  });

  test('is told from another of the same route by its method', async () => {
    const response = await host.fetch('/items/list', { method: 'POST' });

    expect(await response.text()).toBe('posted');
  });

  test('answers bytes, a status and cookies, but has no say in the connection', async () => {
    const response = await host.fetch('/bytes');

    expect(response.status).toBe(201);
    expect(Buffer.from(await response.arrayBuffer())).toEqual(Buffer.from([0, 255, 128]));
    expect(response.headers.getSetCookie()).toEqual([
      'a%20b=c%3Bd; max-age=0; path=/; secure; samesite=strict; httponly',
      'plain=1; path=/x',
    ]);
    const echo = await host.fetch('/echo/1');
    expect([echo.headers.get('x-app'), echo.headers.get('connection')]).toEqual([
      'yes',
      'keep-alive',
    ]);
  });

  test.each([
    ['204 when it returns nothing', '/nothing', 204],
    ['500 when it throws', '/throws', 500],
    ['500 when its answer cannot be sent', '/badResponse', 500],
  ])('answers %s', async (_, route, status) => {
    const response = await host.fetch(route);

    expect([response.status, await response.text()]).toEqual([status, '']);
  });

  test('is named in the log with what it threw', async () => {
    await host.fetch('/throws');
    await host.printed('error throws: ');

    expect(host.output).toMatch(/\] error throws: failed: Error: told to throw\n\s+at /);
  });

  test('is loaded from its chunk on use', async () => {
    expect(await (await host.fetch('/lazy')).text()).toBe('loaded on use');
  });
});

describe('a function key', () => {
  const header = (key: string) => ({ headers: { 'x-functions-key': key } });

  test.each([
    ['/guarded', undefined, 401],
    ['/guarded?code=', undefined, 401],
    ['/guarded?code=wrong', undefined, 401],
    [`/guarded?code=${KEY}x`, undefined, 401],
    [`/guarded?code=${KEY}`, undefined, 200],
    [`/guarded?Code=${KEY}`, undefined, 200],
    ['/guarded', KEY, 200],
    ['/guarded', MASTER, 200],
    [`/guarded?code=${KEY}`, 'wrong', 401],
    ['/administered', KEY, 401],
    ['/administered', MASTER, 200],
    ['/switchedOff', 'wrong', 401],
    ['/switchedOff', MASTER, 200],
    ['/admin/host/status', KEY, 401],
    ['/ADMIN/host/status', undefined, 401],
  ])('%s with %s answers %i', async (route, key, status) => {
    const response = await host.fetch(route, key === undefined ? {} : header(key));

    const body = await response.text();
    expect([response.status, body !== '']).toEqual([status, status === 200]);
  });

  test('that is the master key shows the state of the host', async () => {
    expect(await json('/admin/host/status', header(MASTER))).toMatchObject({ state: 'Running' });
  });

  test.each([
    ['echo', '{}', 400],
    ['unknown', '{}', 404],
    ['echo', '{', 400],
    ['echo', '{"input":1}', 400],
  ])('that is the master key cannot run %s with %s', async (name, body, status) => {
    const response = await host.fetch(`/admin/functions/${name}`, {
      method: 'POST',
      body,
      ...header(MASTER),
    });

    expect(response.status).toBe(status);
  });
});

describe('a Host header', () => {
  test.each([
    ['localhost', 200],
    ['LOCALHOST:1', 200],
    ['app.localhost:7071', 200],
    ['127.0.0.1', 200],
    ['127.8.8.8:80', 200],
    ['[::1]:7071', 200],
    ['evil.example', 421],
    ['127.0.0.1.evil.example', 421],
    ['localhost.evil.example:7071', 421],
    ['evil.example#localhost', 421],
    ['evil.example/localhost', 421],
    ['10.0.0.1', 421],
    ['', 421],
  ])('of %j answers %i', async (header, status) => {
    const answer = await raw(`GET /lazy HTTP/1.1\nHost: ${header}\nConnection: close\n\n`);

    expect(answer).toMatch(new RegExp(`^HTTP/1.1 ${status} `));
  });

  test('counts when the request names another host by its target', async () => {
    const answer = await raw(
      'GET http://localhost/lazy HTTP/1.1\nHost: evil.example\nConnection: close\n\n',
    );

    expect(answer).toMatch(/^HTTP\/1.1 421 /);
  });
});

describe('a body', () => {
  /** Answers status and body, whatever becomes of the sending. */
  async function upload(headers: http.OutgoingHttpHeaders, bytes: number) {
    const request = http.request(`${host.url}/upload`, { method: 'POST', headers });
    const block = Buffer.alloc(1_048_576);
    request.on('error', () => undefined);
    const answered = once(request, 'response');
    for (let sent = 0; sent < bytes; sent += block.length) {
      request.write(block.subarray(0, bytes - sent));
    }
    request.end();
    const [response]: http.IncomingMessage[] = await answered;
    if (response === undefined) throw new Error('no response');
    return [response.statusCode, await text(response)];
  }

  test('of 100 MB is taken', async () => {
    expect(await upload({}, MAX_BODY_BYTES)).toEqual([200, `{"bytes":${MAX_BODY_BYTES}}`]);
  });

  test.each([
    ['that says so', { 'content-length': MAX_BODY_BYTES + 1 }],
    ['in chunks', { 'transfer-encoding': 'chunked' }],
  ])('larger than that answers 413: one %s', async (_, headers) => {
    expect(await upload(headers, MAX_BODY_BYTES + 1)).toEqual([413, '']);
  });
});
