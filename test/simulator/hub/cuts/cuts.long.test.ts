import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import common from 'azure-iot-common';
import { startHub, type JournalEvent, type SimulatedHub } from '@downlink/simulator';
import { until } from '../../../support/until.ts';
import { Random } from '../fuzz/random.ts';
import { aMessage } from '../state/builders.ts';
import { startCuttingProxy, type Cut } from './cutting-proxy.ts';
import { RECEIVERS, type Receiver } from './receivers.ts';

const DEVICE = 'device-1';
const MESSAGES = 5;
const CUTS = 150;
const SEED = Number(process.env['FUZZ_SEED'] ?? 1);
const LOCK_MS = 60_000;

let hub: SimulatedHub;
const history: JournalEvent[] = [];

beforeAll(async () => {
  hub = await startHub({ devices: [{ deviceId: DEVICE }] });
  hub.state.journal.onEvent((event) => history.push(event));
});

afterAll(async () => {
  await hub.stop();
});

function token(): string {
  const key = hub.state.registry.get(DEVICE).primaryKey ?? '';
  const expiry = Math.floor(Date.now() / 1000) + 3_600;
  const resource = `localhost/devices/${DEVICE}`;
  return common.SharedAccessSignature.create(resource, '', key, expiry).toString();
}

function portOf(name: string): number {
  const { amqp, mqtt, https } = hub.ports;
  return name === 'AMQP' ? amqp : name === 'HTTPS' ? https : mqtt;
}

describe('a connection that dies', () => {
  test.each(RECEIVERS)('over %s loses no message that was not completed', async (name, receive) => {
    const proxy = await startCuttingProxy(portOf(name));
    const random = new Random(SEED);
    const received = new Set<string>();
    let queued = 0;

    /** The queue is empty; a message is done with only when its device has had it. */
    const receiveOnce = async (run: Receiver): Promise<void> => {
      let isOver = false;
      await run({
        port: proxy.port,
        ca: hub.certificateAuthorityPem,
        deviceId: DEVICE,
        token: token(),
        onMessage: (messageId) => received.add(messageId),
        isDone: until(
          'an empty queue',
          () => isOver || hub.state.cloudToDevice.count(DEVICE) === 0,
        ),
      }).finally(() => {
        isOver = true;
      });
    };
    const enqueue = (): string[] =>
      Array.from({ length: MESSAGES }, () => {
        const messageId = `${name}-${++queued}`.replaceAll(' ', '-');
        hub.state.cloudToDevice.enqueue(DEVICE, aMessage({ messageId, ack: 'full' }));
        return messageId;
      });

    enqueue();
    proxy.plan(undefined);
    await receiveOnce(receive);
    const whole = { ...proxy.passed() };
    const ends: string[] = [];
    for (let count = 0; count < CUTS; count++) {
      const messageIds = enqueue();
      const direction = random.pick<Cut['direction']>(['toHub', 'fromHub']);
      history.length = 0;
      proxy.plan({ direction, bytes: 1 + random.below(whole[direction]) });
      await receiveOnce(receive);
      proxy.plan(undefined);
      const after = `${name}, seed ${SEED}, cut ${count}`;
      await until(`${after}: every message is completed`, async () => {
        // Over HTTPS nobody tells the hub that the lock's holder is gone.
        hub.clock.advance(LOCK_MS);
        await receiveOnce(receive);
        return hub.state.cloudToDevice.count(DEVICE) === 0;
      });
      const ended = history.filter(({ type }) => !PASSING.has(type));
      ends.push(...ended.map(({ type }) => type));
      expect(ended.map(({ messageId }) => messageId ?? '').toSorted()).toEqual(
        messageIds.toSorted(),
      );
      expect(messageIds.filter((messageId) => !received.has(messageId))).toEqual([]);
    }
    await proxy.stop();

    expect(new Set(ends)).toEqual(new Set(['completed']));
    process.stderr.write(`${name}: ${ends.length} messages over ${CUTS} connections that died\n`);
  });
});

const PASSING: ReadonlySet<string> = new Set(['enqueued', 'delivered', 'released', 'lockExpired']);
