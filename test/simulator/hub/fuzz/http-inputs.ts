import { routes } from '../../../../simulator/hub/https/routes.ts';
import type { Random } from './random.ts';

export interface HttpInput {
  readonly bytes: Buffer;
  /** Its framing can be read in two ways: it must be refused, and end the connection. */
  readonly isAmbiguous: boolean;
}

const API_VERSION = 'api-version=2021-04-12';
const IDS = [
  'fuzzed-0',
  'fuzzed-1',
  'fuzzed-2',
  'nobody',
  'a%2Fb',
  '%00',
  '%',
  '..',
  'x'.repeat(200),
  '%F0%9F%98%80',
];
const MODULE_IDS = ['camera', 'nothing', '%20'];
/** What may come in the place of any value. */
const ODD_VALUES: readonly unknown[] = [
  null,
  true,
  0,
  -1,
  1e308,
  2 ** 53,
  '',
  'x'.repeat(300),
  '\u0000',
  '\ud800',
  [],
  [[]],
  {},
  { toString: 1 },
  { constructor: { prototype: {} } },
  ['a', { b: null }],
];
const BODIES: readonly unknown[] = [
  { deviceId: 'fuzzed-0', status: 'enabled', authentication: { type: 'sas', symmetricKey: {} } },
  { deviceId: 'fuzzed-1', moduleId: 'camera', managedBy: 'x', authentication: { type: 'none' } },
  [{ id: 'fuzzed-2', importMode: 'createOrUpdate', status: 'disabled' }],
  { properties: { desired: { colour: 'red', nested: { a: 1 } } }, tags: { floor: 3 } },
  {
    methodName: 'reboot',
    payload: { a: 1 },
    responseTimeoutInSeconds: 5,
    connectTimeoutInSeconds: 0,
  },
  { query: 'SELECT * FROM devices WHERE tags.floor = 3' },
  { query: "SELECT deviceId, COUNT() AS n FROM devices WHERE status IN ['a'] GROUP BY deviceId" },
  'telemetry',
];
const HEADERS: readonly string[] = [
  'If-Match: *',
  'If-Match: "x"',
  'If-Match: W/"x", "y"',
  'Expect: 100-continue',
  'Expect: something',
  'Content-Encoding: gzip',
  'x-ms-max-item-count: -1',
  'x-ms-max-item-count: 1e9',
  'x-ms-continuation: ////',
  'iothub-app-a b: c',
  'iothub-to: \xff',
  'Upgrade: h2c\r\nConnection: Upgrade',
  'Connection: close, close, x',
  `X-Long: ${'x'.repeat(40_000)}`,
  Array.from({ length: 2_500 }, (_, place) => `X-${place}: y`).join('\r\n'),
  'Cookie: ;;;=',
  'Range: bytes=9-1',
];

/** One request, or what is none; `token` admits to everything. */
export function newHttpInput(random: Random, token: string, isFirst: boolean): HttpInput {
  // Later ones may be the body of a request that the hub has answered already.
  if (isFirst && random.chance(0.1)) return { bytes: smuggled(random, token), isAmbiguous: true };
  const request = routeRequest(random, token);
  const bytes = random.pick([
    () => request,
    () => request,
    () => request,
    () => random.flipped(request),
    () => random.spliced(request),
    () => random.bytes(random.below(500)),
    () => request.subarray(0, random.below(request.length)),
    () => Buffer.from(request.toString('latin1').replaceAll('\r\n', '\n'), 'latin1'),
    () => Buffer.from(request.toString('latin1').replace(/ HTTP\/1\.1/, ' HTTP/9.9'), 'latin1'),
  ])();
  return { bytes, isAmbiguous: false };
}

/** To a route of the hub, with contents of the wrong types. */
function routeRequest(random: Random, token: string): Buffer {
  const { method, path } = random.pick(routes);
  const filled = path
    .replace('{deviceId}', () => random.pick(IDS))
    .replace('{moduleId}', () => random.pick(MODULE_IDS))
    .replace(/\{[^}]+\}/g, () => random.pick(['x', '0b8a3a5e-7a6c-4a43-9a2d-1f0b6f3b2c11', '%22']));
  const query = random.pick([
    API_VERSION,
    API_VERSION,
    API_VERSION,
    '',
    'api-version=',
    'top=x&top=1',
  ]);
  const body = bodyOf(random);
  const lines = [
    `${random.chance(0.9) ? method : random.pick(['GET', 'TRACE', 'CONNECT', 'PATCH', 'BREW'])} ${filled}?${query} HTTP/1.1`,
    'Host: localhost',
    random.chance(0.95)
      ? `Authorization: ${token}`
      : `Authorization: ${random.pick(['x', 'Bearer a.b.c', token.slice(0, 80)])}`,
    'Content-Type: application/json',
    ...Array.from({ length: random.below(3) }, () => random.pick(HEADERS)),
  ];
  if (random.chance(0.2)) {
    const chunks = `${body.length.toString(16)};x=y\r\n${body.toString('latin1')}\r\n${random.pick(['0', 'zz', '-1'])}\r\n\r\n`;
    return Buffer.from([...lines, 'Transfer-Encoding: chunked', '', chunks].join('\r\n'), 'latin1');
  }
  const length = random.chance(0.95) ? body.length : random.pick([0, 1, 9_999_999, -1, 'x']);
  const head = [...lines, `Content-Length: ${length}`, '', ''].join('\r\n');
  return Buffer.concat([Buffer.from(head, 'latin1'), body]);
}

function bodyOf(random: Random): Buffer {
  const text = JSON.stringify(changed(random, random.pick(BODIES), 0)) ?? '';
  return random.pick([
    () => Buffer.from(text),
    () => Buffer.from(text),
    () => Buffer.from(text),
    () => random.flipped(Buffer.from(text)),
    () => Buffer.from(text.replace('{', '{"__proto__":{"polluted":true},')),
    () => Buffer.from(text.replace('{', '{"deviceId":"twice",')),
    () => Buffer.from(`${'['.repeat(5_000)}${']'.repeat(5_000)}`),
    () => Buffer.concat([Buffer.from([0xef, 0xbb, 0xbf]), Buffer.from(text)]),
    () => Buffer.alloc(0),
    () => Buffer.from('1e99999'),
    () => Buffer.alloc(300_000, '{"a":'),
  ])();
}

/** With some values in the place of others. */
function changed(random: Random, value: unknown, depth: number): unknown {
  if (random.chance(0.15)) return random.pick(ODD_VALUES);
  if (Array.isArray(value)) return value.map((item) => changed(random, item, depth + 1));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(() => random.chance(0.95))
      .map(([name, member]) => [name, changed(random, member, depth + 1)]),
  );
}

/** A request in the body of another: whoever reads it by the other header deletes the device. */
function smuggled(random: Random, token: string): Buffer {
  const inner = `DELETE /devices/victim?${API_VERSION} HTTP/1.1\r\nHost: localhost\r\nIf-Match: *\r\nAuthorization: ${token}\r\n\r\n`;
  const framing = random.pick([
    [`Content-Length: ${inner.length + 5}`, 'Transfer-Encoding: chunked'],
    ['Transfer-Encoding: chunked', `Content-Length: 4`],
    ['Content-Length: 0', `Content-Length: ${inner.length}`],
    [`Content-Length: 0, ${inner.length}`],
    ['Content-Length: +0'],
    ['Content-Length: 0x0'],
    ['Content-Length : 0'],
    ['Transfer-Encoding: xchunked'],
    ['Transfer-Encoding: chunked, identity'],
    ['Transfer-Encoding : chunked'],
    [' Transfer-Encoding: chunked'],
  ]);
  const head = [
    'POST /devices/query?api-version=2021-04-12 HTTP/1.1',
    'Host: localhost',
    ...framing,
  ];
  return Buffer.from([...head, '', `0\r\n\r\n${inner}`].join('\r\n'), 'latin1');
}
