export interface HttpAnswer {
  readonly status: number;
  readonly headers: ReadonlyMap<string, string>;
  readonly body: Buffer;
}

const END_OF_HEAD = '\r\n\r\n';

/** The whole answers among the bytes; throws if something else is. */
export function readAnswers(bytes: Buffer): HttpAnswer[] {
  const answers: HttpAnswer[] = [];
  for (let at = 0; at < bytes.length;) {
    const headEnd = bytes.indexOf(END_OF_HEAD, at);
    if (headEnd < 0) break;
    const [statusLine = '', ...lines] = bytes.toString('latin1', at, headEnd).split('\r\n');
    const status = Number(/^HTTP\/1\.1 (\d{3}) /.exec(statusLine)?.[1]);
    if (Number.isNaN(status)) throw new Error(`The hub answered '${statusLine.slice(0, 100)}'`);
    const headers = new Map(lines.map(headerOf));
    const bodyStart = headEnd + END_OF_HEAD.length;
    const bodyEnd = endOfBody(bytes, bodyStart, headers, status);
    if (bodyEnd === undefined) break;
    answers.push({ status, headers, body: bytes.subarray(bodyStart, bodyEnd) });
    at = bodyEnd;
  }
  return answers;
}

function headerOf(line: string): [name: string, value: string] {
  const colon = line.indexOf(':');
  if (colon <= 0) throw new Error(`The hub sent the header '${line.slice(0, 100)}'`);
  return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()];
}

/** Undefined if it has not come yet. */
function endOfBody(
  bytes: Buffer,
  start: number,
  headers: ReadonlyMap<string, string>,
  status: number,
): number | undefined {
  if (status === 204 || status === 101 || status === 100) return start;
  if (headers.get('transfer-encoding') === 'chunked') {
    const end = bytes.indexOf('0\r\n\r\n', start);
    return end < 0 ? undefined : end + 5;
  }
  const end = start + Number(headers.get('content-length') ?? 0);
  return end > bytes.length ? undefined : end;
}
