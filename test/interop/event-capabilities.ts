import assert from 'node:assert/strict';
import { EVERY_OCTET, pick, type Capability, type Stage } from './capability.ts';

interface ReadEvent {
  readonly body: string;
  readonly sequenceNumber: number;
  readonly offset: string;
}

const textOf = ({ body }: ReadEvent): string => Buffer.from(body, 'base64').toString();

export const eventCapabilities: readonly Capability[] = [
  {
    title: 'finds the partitions',
    async run(stage) {
      await connect(stage);
      const ids = stage.hub.state.events.partitions().map(({ id }) => id);
      assert.deepEqual(await stage.tell('partitionIds'), ids);
      await stage.tell('disconnect');
    },
  },
  {
    title: 'reads events from the oldest on, in order',
    async run(stage) {
      for (const text of ['one', 'two', 'three']) append(stage, text);
      await connect(stage);
      await read(stage, { kind: 'earliest' });
      for (const text of ['one', 'two', 'three']) assert.equal(textOf(await next(stage)), text);
      await stage.tell('disconnect');
    },
  },
  {
    title: 'reads ids, properties, and which device sent it',
    async run(stage) {
      append(stage, EVERY_OCTET, {
        messageId: 'message-1',
        correlationId: 'correlation-1',
        contentType: 'application/json',
        contentEncoding: 'utf-8',
        properties: { alert: 'high' },
      });
      await connect(stage);
      await read(stage, { kind: 'earliest' });
      const expected = {
        body: EVERY_OCTET.toString('base64'),
        messageId: 'message-1',
        correlationId: 'correlation-1',
        contentType: 'application/json',
        properties: { alert: 'high' },
        deviceId: stage.deviceId,
      };
      assert.deepEqual(pick(await next(stage), expected), expected);
      await stage.tell('disconnect');
    },
  },
  {
    title: 'reads from behind a sequence number, and from behind an offset',
    async run(stage) {
      for (const text of ['one', 'two', 'three']) append(stage, text);
      await connect(stage);
      await read(stage, { kind: 'earliest' });
      const { sequenceNumber, offset } = await next(stage);
      for (const position of [
        { kind: 'sequenceNumber', value: sequenceNumber },
        { kind: 'offset', value: offset },
      ]) {
        await read(stage, position);
        assert.equal(textOf(await next(stage)), 'two');
      }
      await stage.tell('disconnect');
    },
  },
  {
    title: 'reads from a time on',
    async run(stage) {
      append(stage, 'before');
      stage.hub.clock.advance(10_000);
      const time = stage.hub.clock.now();
      stage.hub.clock.advance(10_000);
      append(stage, 'after');
      await connect(stage);
      await read(stage, { kind: 'time', value: time });
      assert.equal(textOf(await next(stage)), 'after');
      await stage.tell('disconnect');
    },
  },
  {
    title: 'reads what comes while it waits',
    async run(stage) {
      append(stage, 'old');
      await connect(stage);
      await read(stage, { kind: 'latest' });
      // What comes before its link is there is not new to it.
      const sending = setInterval(() => append(stage, 'new'), 100);
      try {
        assert.equal(textOf(await next(stage)), 'new');
      } finally {
        clearInterval(sending);
      }
      await stage.tell('disconnect');
    },
  },
  {
    title: 'comes back after the connection was lost, and misses nothing',
    async run(stage) {
      append(stage, 'before');
      await connect(stage);
      await read(stage, { kind: 'earliest' });
      assert.equal(textOf(await next(stage)), 'before');
      stage.cutConnections();
      append(stage, 'after');
      assert.equal(textOf(await next(stage)), 'after');
      await stage.tell('disconnect');
    },
  },
];

async function connect(stage: Stage): Promise<void> {
  await stage.tell('connect', { connectionString: stage.hub.eventHubConnectionString() });
}

/** The hub is this run's alone, and starts with nothing in its one partition. */
function append({ hub, deviceId }: Stage, body: string | Buffer, message: object = {}): void {
  hub.state.events.append(
    { entityId: deviceId },
    { body: Buffer.from(body), properties: {}, ...message },
  );
}

async function read(stage: Stage, position: object): Promise<void> {
  await stage.tell('read', { partitionId: '0', position });
}

async function next(stage: Stage): Promise<ReadEvent> {
  return (await stage.tell('nextEvent')) as ReadEvent;
}
