import http from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { CliError } from '../cli-error.ts';

const TIMEOUT_MS = 30_000;
const POLL_MS = 100;

/** Until the app answers that its hub and its storage answer. */
export async function waitUntilHealthy(url: string, timeoutMs = TIMEOUT_MS): Promise<void> {
  const deadline = Date.now() + timeoutMs;
  for (;;) {
    const answer = await get(`${url}/api/health`);
    if (answer.statusCode === 200) return;
    if (Date.now() > deadline) {
      throw new CliError(
        `The app is not healthy after ${timeoutMs / 1000} s: ${url}/api/health said ${answer.text}`,
      );
    }
    await delay(POLL_MS);
  }
}

/** By node:http, which no proxy setting reaches. */
async function get(url: string): Promise<{ statusCode?: number | undefined; text: string }> {
  return new Promise((resolve) => {
    const request = http.get(url, { agent: false, timeout: TIMEOUT_MS }, (response) => {
      const chunks: Buffer[] = [];
      const { statusCode } = response;
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('end', () => {
        resolve({ statusCode, text: `${statusCode}: ${Buffer.concat(chunks).toString('utf8')}` });
      });
      response.on('error', (error) => resolve({ text: error.message }));
    });
    request.on('timeout', () => request.destroy(new Error('no answer in time')));
    request.on('error', (error) => resolve({ text: error.message }));
  });
}
