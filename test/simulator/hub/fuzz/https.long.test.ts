import tls from 'node:tls';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { fuzz, MAX_HEAP_GROWTH_BYTES } from './fuzz.ts';
import { startFuzzedHub, type FuzzedHub } from './fuzzed-hub.ts';
import { readAnswers } from './http-answers.ts';
import { newHttpInput } from './http-inputs.ts';
import { PlainPeer } from './plain-peer.ts';
import type { Random } from './random.ts';

const VICTIM = 'victim';
const REQUESTS_PER_CONNECTION = 4;
/** For the answers to what may be half a request. */
const ANSWER_MS = 50;

let hub: FuzzedHub;
let secureContext: tls.SecureContext;

beforeAll(async () => {
  hub = await startFuzzedHub({ devices: [{ deviceId: VICTIM }, { deviceId: 'fuzzed-0' }] });
  secureContext = tls.createSecureContext({ ca: hub.certificateAuthorityPem });
});

afterAll(async () => {
  await hub.stop();
});

async function send(random: Random): Promise<void> {
  const peer = await PlainPeer.connectTls(hub.ports.https, secureContext);
  try {
    for (let sent = 1; sent <= REQUESTS_PER_CONNECTION && !peer.isOver; sent++) {
      const { bytes, isAmbiguous } = newHttpInput(random, hub.token, sent === 1);
      peer.send(bytes);
      await peer.wait(() => readAnswers(peer.received).length >= sent, ANSWER_MS);
      const answers = readAnswers(peer.received);
      const fault = answers.find(({ status }) => status >= 500);
      if (fault) throw new Error(`The hub answered ${fault.status}: ${fault.body.toString()}`);
      if (isAmbiguous) {
        await peer.wait(() => false, ANSWER_MS * 20);
        if (!peer.isOver) throw new Error(`An ambiguous request left the connection open`);
        return;
      }
      // An incomplete request: the rest of the next would be taken for its end.
      if (answers.length < sent) return;
    }
  } finally {
    peer.leave(random.chance(0.5));
  }
}

/** Nobody has smuggled its deletion. */
async function checkVictim(): Promise<void> {
  if (!(await hub.ask('isRegistered', VICTIM))) throw new Error('A request was smuggled');
}

describe('HTTPS requests, malformed or of the wrong types', () => {
  test('do the hub no harm', async () => {
    const grownBytes = await fuzz('HTTPS', hub, { prepare: checkVictim, send });

    await checkVictim();
    expect(grownBytes).toBeLessThan(MAX_HEAP_GROWTH_BYTES);
  });
});
