import type { HttpRequest } from '@azure/functions';
import { DownlinkError } from '../errors.ts';
import type { ErrorCode } from '../errors.ts';

/** Levels of arrays and objects within one another. */
const MAX_NESTING = 500;

export interface BodyLimit {
  readonly maxBytes: number;
  readonly code: Extract<ErrorCode, 'message-too-large' | 'payload-too-large'>;
}

/** The request's JSON, or an empty object if it has no body. Size and type are checked before anything is parsed. */
export async function readJson(request: HttpRequest, limit: BodyLimit): Promise<unknown> {
  const declared = Number(request.headers.get('content-length') ?? 0);
  if (declared > limit.maxBytes) throw tooLarge(limit);
  const bytes = await request.arrayBuffer();
  if (bytes.byteLength > limit.maxBytes) throw tooLarge(limit);
  if (bytes.byteLength === 0) return {};
  checkMediaType(request.headers.get('content-type'));
  return parse(bytes);
}

function checkMediaType(contentType: string | null): void {
  const mediaType = contentType?.split(';', 1)[0]?.trim().toLowerCase() ?? '';
  if (mediaType === 'application/json' || mediaType.endsWith('+json')) return;
  throw new DownlinkError(
    'unsupported-media-type',
    `The request's Content-Type is ${mediaType === '' ? 'missing' : 'not JSON'}; send 'Content-Type: application/json'.`,
  );
}

function parse(bytes: ArrayBuffer): unknown {
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (error) {
    throw invalidBody('is not valid UTF-8', error);
  }
  if (nestsTooDeeply(text)) throw invalidBody(`nests more than ${MAX_NESTING} levels deep`);
  try {
    return JSON.parse(text);
  } catch (error) {
    const position = error instanceof Error ? /position (\d+)/.exec(error.message)?.[1] : undefined;
    throw invalidBody(
      `is not valid JSON${position === undefined ? '' : ` (at position ${position})`}`,
      error,
    );
  }
}

function invalidBody(message: string, cause?: unknown): DownlinkError {
  return new DownlinkError('invalid-request', 'The request is not valid; see errors.', {
    cause,
    faults: [{ path: 'body', message }],
  });
}

/**
 * What writes JSON by recursion would run out of stack. By hand, in one pass: a regular expression that skips strings
 * takes quadratic time on one that never ends.
 */
function nestsTooDeeply(text: string): boolean {
  let depth = 0;
  let inString = false;
  for (let index = 0; index < text.length; index += 1) {
    const character = text[index];
    if (character === '"') inString = !inString;
    else if (inString) index += character === '\\' ? 1 : 0;
    else if (character === '[' || character === '{') depth += 1;
    else if (character === ']' || character === '}') depth -= 1;
    if (depth > MAX_NESTING) return true;
  }
  return false;
}

function tooLarge({ maxBytes, code }: BodyLimit): DownlinkError {
  return new DownlinkError(code, `The request's body is over ${maxBytes} bytes; send less.`);
}
