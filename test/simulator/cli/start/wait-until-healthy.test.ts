import { once } from 'node:events';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { waitUntilHealthy } from '../../../../simulator/cli/start/wait-until-healthy.ts';

let server: http.Server;
let answers: number[];
let asked: (string | undefined)[];

beforeEach(async () => {
  asked = [];
  server = http.createServer((request, response) => {
    asked.push(request.url);
    response.writeHead(answers.shift() ?? 500).end('{}');
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
});
afterEach(() => {
  server.close();
});

function url(): string {
  return `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`;
}

describe('waitUntilHealthy', () => {
  test('asks again until the app is healthy', async () => {
    answers = [503, 404, 200];

    await waitUntilHealthy(url(), 10_000);

    expect(asked).toEqual(['/api/health', '/api/health', '/api/health']);
  });

  test('gives up in time and says what the app said', async () => {
    answers = [503, 503, 503, 503, 503];

    await expect(waitUntilHealthy(url(), 150)).rejects.toThrow(/not healthy.*503: \{\}/);
  });

  test('says why when nothing answers', async () => {
    const address = url();
    server.close();

    await expect(waitUntilHealthy(address, 0)).rejects.toThrow(/ECONNREFUSED/);
  });
});
