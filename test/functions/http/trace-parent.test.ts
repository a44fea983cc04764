import { HttpRequest } from '@azure/functions';
import { describe, expect, test } from '@jest/globals';
import { traceParentOf } from '../../../functions/http/trace-parent.ts';

const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736';

function requestWith(traceparent: string | undefined): HttpRequest {
  return new HttpRequest({
    method: 'GET',
    url: 'http://localhost/',
    headers: traceparent === undefined ? {} : { traceparent },
  });
}

describe('traceParentOf', () => {
  test("continues the caller's trace with a span of our own, the same for the whole call", () => {
    const request = requestWith(`00-${TRACE}-00f067aa0ba902b7-01`);

    const continued = traceParentOf(request);

    expect(continued).toMatch(new RegExp(`^00-${TRACE}-(?!00f067aa0ba902b7)[0-9a-f]{16}-01$`));
    expect(traceParentOf(request)).toBe(continued);
  });

  test('takes a later version for what it knows of it', () => {
    expect(traceParentOf(requestWith(`01-${TRACE}-00f067aa0ba902b7-00-more`))).toMatch(
      /^00-.*-00$/,
    );
  });

  test.each([
    undefined,
    '',
    'x',
    `ff-${TRACE}-00f067aa0ba902b7-01`,
    `00-${'0'.repeat(32)}-00f067aa0ba902b7-01`,
    `00-${TRACE}-${'0'.repeat(16)}-01`,
    `00-${TRACE.toUpperCase()}-00f067aa0ba902b7-01`,
    `00-${TRACE}-00f067aa0ba902b7-01x`,
  ])('takes %j for no trace', (header) => {
    expect(traceParentOf(requestWith(header))).toBeUndefined();
  });
});
