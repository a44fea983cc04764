import { describe, expect, test } from '@jest/globals';
import { verdictOnInvocation } from './verdict-on-invocation.ts';
import type { FinalInvocation } from './verdict-on-invocation.ts';

const told = { accepted: 1, completed: false };
const once = { methodAnswer: 'ok', idempotent: false } as const;
const often = { methodAnswer: 'ok', idempotent: true } as const;

function record(overrides: Partial<FinalInvocation> = {}): FinalInvocation {
  return { status: 'completed', final: true, attempt: 1, resultStatus: 200, ...overrides };
}

const failed = record({ status: 'failed', resultStatus: undefined });
const unknown = record({ status: 'unknown', resultStatus: undefined });

describe('verdictOnInvocation', () => {
  test.each([
    ['completed, and it ran', once, record(), 1],
    ['failed, and it did not run', once, failed, 0],
    ['unknown, and it ran', once, unknown, 1],
    ['unknown, and it did not', once, unknown, 0],
    ['it may run twice, and did', often, record({ attempt: 2 }), 2],
    ['it ran once and the repeat failed', often, { ...failed, attempt: 2 }, 1],
  ] as const)('is right: %s', (_, command, stored, ran) => {
    expect(verdictOnInvocation(command, told, stored, ran)).toMatchObject({ kind: 'right' });
  });

  test.each([
    ['wrong state', 'completed, and it never ran', once, record(), 0],
    ['wrong state', 'completed with another answer', once, record({ resultStatus: 500 }), 1],
    ['wrong state', 'failed, and it ran', once, failed, 1],
    ['sent twice', 'it must run once, and ran twice', once, record(), 2],
    ['never final', 'still calling', once, record({ status: 'calling', final: false }), 1],
    ['lost', 'promised, and no record', once, undefined, 0],
  ] as const)('is %s: %s', (kind, _, command, stored, ran) => {
    expect(verdictOnInvocation(command, told, stored, ran)).toMatchObject({ kind });
  });

  test('is wrong: the caller has an answer that the record does not know', () => {
    expect(verdictOnInvocation(once, { ...told, completed: true }, unknown, 1)).toMatchObject({
      kind: 'wrong state',
    });
  });
});
