import { describe, expect, test } from '@jest/globals';
import {
  FrameSplitter,
  FramingError,
  isProtocolHeader,
} from '../../../../simulator/hub/amqp/frame-splitter.ts';
import { AMQP_HEADER, begin, frame, nothing, open, SASL_HEADER, saslInit } from './raw-frames.ts';

const BEGINNING = Buffer.concat([AMQP_HEADER, open(), begin()]);

function split(...chunks: Buffer[]): Buffer[] {
  const splitter = new FrameSplitter();
  return chunks.flatMap((chunk) => splitter.push(chunk));
}

describe('FrameSplitter', () => {
  test('puts headers apart and leaves frames together', () => {
    expect(split(BEGINNING)).toEqual([AMQP_HEADER, Buffer.concat([open(), begin()])]);
    expect(split(Buffer.concat([SASL_HEADER, saslInit('X'), BEGINNING]))).toEqual([
      SASL_HEADER,
      saslInit('X'),
      AMQP_HEADER,
      Buffer.concat([open(), begin()]),
    ]);
  });

  test('puts together what was cut, wherever it was cut', () => {
    for (let cut = 1; cut < BEGINNING.length; cut++) {
      const parts = split(BEGINNING.subarray(0, cut), BEGINNING.subarray(cut));
      expect(Buffer.concat(parts)).toEqual(BEGINNING);
    }
    const bytes = Array.from(BEGINNING, (byte) => Buffer.from([byte]));
    expect(split(...bytes)).toEqual([AMQP_HEADER, open(), begin()]);
  });

  test('holds back a frame until it is whole', () => {
    const large = frame(Buffer.alloc(60_000));
    const chunks = Array.from({ length: 61 }, (_, place) =>
      large.subarray(place * 1_000, (place + 1) * 1_000),
    );

    const parts = split(AMQP_HEADER, ...chunks);

    expect(parts).toEqual([AMQP_HEADER, large]);
  });

  test.each<[string, Buffer[]]>([
    ['no header at first', [open()]],
    ['a header twice', [AMQP_HEADER, AMQP_HEADER]],
    ['SASL after AMQP', [AMQP_HEADER, SASL_HEADER]],
    ['a third header', [SASL_HEADER, AMQP_HEADER, AMQP_HEADER]],
    ['a frame of 7 bytes', [AMQP_HEADER, frame(nothing, { size: 7 })]],
    ['a frame of 65,537 bytes', [AMQP_HEADER, frame(nothing, { size: 65_537 })]],
  ])('refuses %s', (_, chunks) => {
    expect(() => split(...chunks)).toThrow(FramingError);
  });

  test('knows a header from a frame of its length', () => {
    expect(isProtocolHeader(AMQP_HEADER)).toBe(true);
    expect(isProtocolHeader(frame(Buffer.alloc(0)))).toBe(false);
  });
});
