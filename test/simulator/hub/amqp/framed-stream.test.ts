import { describe, expect, test } from '@jest/globals';
import { once } from 'node:events';
import { Duplex } from 'node:stream';
import { setImmediate } from 'node:timers/promises';
import { FramedStream } from '../../../../simulator/hub/amqp/framed-stream.ts';
import { AMQP_HEADER, begin, open, SASL_HEADER, saslInit } from './raw-frames.ts';

const MIB = 1024 * 1024;

/** A stream whose far end is the test: it does not end of itself when the far end does. */
class NearEnd extends Duplex {
  readonly writes: Buffer[][] = [];
  readonly isRead: boolean;

  constructor(isRead = true) {
    super({ allowHalfOpen: true });
    this.isRead = isRead;
  }

  override _read(): void {
    // The test pushes.
  }

  override _writev(chunks: { chunk: Buffer }[], done: () => void): void {
    this.writes.push(chunks.map(({ chunk }) => chunk));
    if (this.isRead) done();
  }
}

function framed(stream: Duplex) {
  const seen = { parts: [] as Buffer[], ends: [] as (Error | undefined)[], errors: [] as string[] };
  const adapter = new FramedStream(stream, {
    onEnd: (error) => seen.ends.push(error),
    onFramingError: ({ message }) => seen.errors.push(message),
  });
  adapter.on('data', (part: Buffer) => seen.parts.push(part));
  return { adapter, seen };
}

describe('what rhea takes for its socket', () => {
  test('gives it the header after SASL a turn later, and all that follows after it', async () => {
    const stream = new NearEnd();
    const { seen } = framed(stream);

    stream.push(Buffer.concat([SASL_HEADER, saslInit('ANONYMOUS'), AMQP_HEADER, open(), begin()]));
    await once(stream, 'pause');
    expect(seen.parts).toEqual([SASL_HEADER, saslInit('ANONYMOUS')]);
    await setImmediate();
    await setImmediate();

    expect(seen.parts.slice(2)).toEqual([AMQP_HEADER, Buffer.concat([open(), begin()])]);
  });

  test('gives it nothing more after a framing error', async () => {
    const stream = new NearEnd();
    const { seen } = framed(stream);

    stream.push(Buffer.from('GET / HTTP/1.1'));
    await setImmediate();
    stream.push(AMQP_HEADER);
    await setImmediate();

    expect(seen).toEqual({
      parts: [],
      ends: [],
      errors: ['The connection does not begin with AMQP'],
    });
  });

  test('writes the frames of one turn at once', async () => {
    const stream = new NearEnd();
    const { adapter } = framed(stream);

    for (const bytes of [AMQP_HEADER, open(), begin()]) adapter.write(bytes);
    await setImmediate();

    expect(stream.writes).toEqual([[AMQP_HEADER, open(), begin()]]);
  });

  test('is destroyed when the other side does not read what is written to it', async () => {
    const stream = new NearEnd(false);
    const { adapter, seen } = framed(stream);

    for (let written = 0; written < 16; written++) adapter.write(Buffer.alloc(MIB));
    expect(stream.destroyed).toBe(false);
    adapter.write(Buffer.alloc(1));
    await setImmediate();

    expect(stream.destroyed).toBe(true);
    expect(seen.ends).toEqual([undefined]);
  });

  test('ends after the last frames that rhea has queued', async () => {
    const stream = new NearEnd();
    const { adapter } = framed(stream);

    adapter.end();
    adapter.write(AMQP_HEADER);
    await once(stream, 'finish');

    expect(stream.writes).toEqual([[AMQP_HEADER]]);
    stream.destroy();
  });

  test('is held open until the other side ends', async () => {
    const stream = new NearEnd();
    const { adapter, seen } = framed(stream);
    adapter.holdOpen();

    adapter.end();
    await setImmediate();
    await setImmediate();
    expect(stream.writableEnded).toBe(false);
    stream.push(null);
    await once(stream, 'finish');

    expect(seen.ends).toEqual([undefined]);
    stream.destroy();
  });

  test('tells of its end once, with the reason', async () => {
    const stream = new NearEnd();
    const { seen } = framed(stream);
    const reason = new Error('reset');

    stream.destroy(reason);
    await setImmediate();

    expect(seen.ends).toEqual([reason]);
  });
});
