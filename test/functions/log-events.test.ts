import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { inInvocation, logStatusEvent } from '../../functions/invocation-log.ts';
import { MESSAGE_STATUSES } from '../../functions/messages/message.ts';
import { INVOCATION_STATUSES } from '../../functions/methods/invocation.ts';

function namesInSources(): string[] {
  const files = readdirSync('functions', { recursive: true, encoding: 'utf8' });
  const names = files
    .filter((file) => file.endsWith('.ts'))
    .flatMap((file) => {
      const source = readFileSync(path.join('functions', file), 'utf8');
      const calls = source.matchAll(/\b(?:logLine|warn)\(\s*'([a-z-]+\.[a-z-]+)'/g);
      return [...calls].map(([, name = '']) => name);
    });
  return [...new Set(names)];
}

function namesInDocs(): string[] {
  const text = readFileSync('docs/log-events.md', 'utf8');
  return [...text.matchAll(/^\| `([a-z.-]+)`/gm)].map(([, name = '']) => name);
}

/** A change of status is named by its subject and what it has come to. */
const STATUS_EVENT = /^(message|invocation)\.(\w+)$/;

describe('docs/log-events.md', () => {
  test('lists every event that the sources name, and no other', () => {
    const documented = namesInDocs().filter((name) => !STATUS_EVENT.test(name));

    expect(documented.toSorted()).toEqual(namesInSources().toSorted());
  });

  test('lists changes of status that there are', () => {
    const known = new Set<string>(['final', ...MESSAGE_STATUSES, ...INVOCATION_STATUSES]);
    const listed = namesInDocs().flatMap((name) => STATUS_EVENT.exec(name)?.[2] ?? []);

    expect(listed).toHaveLength(8);
    expect(listed.filter((status) => !known.has(status))).toEqual([]);
  });
});

describe('logStatusEvent', () => {
  const event = {
    deviceId: 'device-1',
    messageId: 'm-1',
    status: 'delivered',
    final: true,
    at: 1500,
    detail: 'Success',
    attempt: 1,
    createdAt: 1000,
    recordedAt: 1700,
    traceParent: '00-a-b-01',
  };

  test('logs as of the invocation in which it happened', async () => {
    const lines: string[] = [];

    await inInvocation({ log: (line: string) => lines.push(line) }, async () => {
      await new Promise((resolve) => setImmediate(resolve));
      logStatusEvent(event);
    });

    expect(lines).toEqual([
      'message.final {"deviceId":"device-1","messageId":"m-1","status":"delivered","attempt":1,"detail":"Success","durationMs":700,"traceparent":"00-a-b-01"}',
    ]);
  });

  test('is silent outside of any', () => {
    expect(() => logStatusEvent(event)).not.toThrow();
  });
});
