import type { HubResponse } from './hub-rest.ts';

/**
 * The hub's own code of an error, e.g. `404001` or `DeviceNotFound`. Its parts word it in different ways:
 * `{"Message":"ErrorCode:DeviceNotFound;…"}`, `{"Message":"{\"errorCode\":404103,…}"}`, or plain JSON with `errorCode`,
 * and sometimes in a header.
 */
export function readHubErrorCode({ headers, body }: HubResponse): string | undefined {
  const message = member(parse(body), 'Message');
  const old = typeof message === 'string' ? /^ErrorCode:(\w+)/.exec(message)?.[1] : undefined;
  const nested = typeof message === 'string' ? member(parse(message), 'errorCode') : undefined;
  const plain = member(parse(body), 'errorCode');
  const header = headers['iothub-errorcode'];
  for (const code of [nested, plain, old, header]) {
    if (typeof code === 'number') return String(code);
    if (typeof code === 'string' && code !== '') return code;
  }
  return undefined;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function member(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null && Object.hasOwn(value, name)
    ? Object.entries(value).find(([key]) => key === name)?.[1]
    : undefined;
}
