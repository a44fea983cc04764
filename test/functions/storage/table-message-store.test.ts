import { describe, expect, test } from '@jest/globals';
import { withFact } from '../../../functions/messages/lifecycle.ts';
import type { Message } from '../../../functions/messages/message.ts';
import type { MessageStore } from '../../../functions/messages/message-store.ts';
import { ALL_PARTITIONS, partitionOf } from '../../../functions/storage/table-keys.ts';
import type { Table } from '../../../functions/storage/table.ts';
import { aMessage, NOON } from '../../support/messages.ts';
import { useStorage } from '../../support/storage.ts';

const storage = useStorage();

const enqueued = (message: Message) =>
  withFact(message, { status: 'enqueued', at: NOON + 1 }, NOON + 1);
const delivered = (message: Message) =>
  withFact(message, { status: 'delivered', at: NOON + 2, detail: 'Success' }, NOON + 2);

async function rowKeys(table: Table): Promise<string[]> {
  const pages = await Promise.all(
    ALL_PARTITIONS.map(async (partitionKey) =>
      table.page({ partitionKey, from: '', to: '~' }, { limit: 1000 }),
    ),
  );
  return pages.flatMap(({ rows }) => rows.map((row) => String(row.rowKey).split('|', 1)[0] ?? ''));
}

async function listAll(store: MessageStore, deviceId: string, limit: number): Promise<string[]> {
  const ids: string[] = [];
  let continuationToken: string | undefined;
  do {
    const page = await store.list({
      deviceId,
      limit,
      ...(continuationToken !== undefined && { continuationToken }),
    });
    ids.push(...page.items.map(({ messageId }) => messageId));
    continuationToken = page.continuationToken;
  } while (continuationToken !== undefined);
  return ids;
}

describe('insert', () => {
  test('stores a message with all its rows and finds it again', async () => {
    const { messages, table } = storage();

    const { inserted } = await messages.insert(aMessage());

    expect(inserted).toBe(true);
    expect((await messages.find(aMessage()))?.message).toEqual(aMessage());
    expect(await rowKeys(table)).toEqual(['day', 'event', 'list', 'message', 'open']);
  });

  test('gives back the message that has the id, and stores nothing', async () => {
    const { messages } = storage();
    await messages.insert(aMessage());

    const second = await messages.insert(
      aMessage({ sizeBytes: 99, handOver: { until: NOON, owner: 'owner-2' } }),
    );

    expect(second.inserted).toBe(false);
    expect(second.message).toEqual(aMessage());
  });

  test('knows its own row when the answer to the first try was lost', async () => {
    const { messages } = storage();
    await messages.insert(aMessage());

    expect((await messages.insert(aMessage())).inserted).toBe(true);
  });

  test('lets exactly one of many at once win', async () => {
    const { messages } = storage();

    const results = await Promise.all(
      Array.from({ length: 50 }, async (_, index) =>
        messages.insert(aMessage({ handOver: { until: NOON, owner: `owner-${index}` } })),
      ),
    );

    expect(results.filter(({ inserted }) => inserted)).toHaveLength(1);
  });

  test.each([
    ['every special character', "-:.+%_#*?!(),=@;$'", "-:.+%_#*?!(),=@;$'"],
    ['the longest ids of the worst characters', '#'.repeat(128), '?'.repeat(128)],
    ['ids that differ only in what a key must not hold', 'a#b', 'a?b'],
  ])('takes %s', async (_, deviceId, messageId) => {
    const { messages } = storage();
    const message = aMessage({ deviceId, messageId });

    await messages.insert(message);

    expect((await messages.find(message))?.message).toEqual(message);
    expect(await listAll(messages, deviceId, 10)).toEqual([messageId]);
    expect(await messages.find({ deviceId, messageId: 'a%b' })).toBeUndefined();
  });

  test('takes 64 KB of properties, which do not fit one column', async () => {
    const { messages } = storage();
    const properties = { a: 'x'.repeat(40_000), b: 'y'.repeat(25_000) };

    await messages.insert(aMessage({ properties }));

    expect((await messages.find(aMessage()))?.message.properties).toEqual(properties);
  });
});

describe('change', () => {
  test('moves the open row with the hand-over and removes it with the final state', async () => {
    const { messages, table } = storage();
    const inserted = await messages.insert(aMessage());

    const taken = await messages.change(inserted, enqueued);
    expect(await messages.findDue(NOON + 60_000, 10)).toEqual([]);
    expect(await messages.hasOpenMessages()).toBe(true);
    await messages.change(taken, delivered);

    expect(await messages.hasOpenMessages()).toBe(false);
    expect(await rowKeys(table)).toEqual(['day', 'event', 'event', 'event', 'list', 'message']);
    const { items } = await messages.list({ deviceId: 'device-1', limit: 1 });
    expect(items[0]).toMatchObject({ status: 'delivered' });
  });

  test('applies the change to the newest state when somebody else was faster', async () => {
    const { messages } = storage();
    const inserted = await messages.insert(aMessage());
    await messages.change(inserted, delivered);

    const late = await messages.change(inserted, enqueued);

    expect(late.message.status).toBe('delivered');
    expect(late.message.history.map(({ status }) => status)).toEqual([
      'accepted',
      'enqueued',
      'delivered',
    ]);
  });

  test('loses no change of many at once', async () => {
    const { messages } = storage();
    const inserted = await messages.insert(aMessage());

    await Promise.all(
      Array.from({ length: 8 }, async (_, index) =>
        messages.change(inserted, (message) =>
          withFact(message, { status: 'enqueued', at: NOON + index }, NOON),
        ),
      ),
    );

    expect((await messages.find(aMessage()))?.message.history).toHaveLength(9);
  });
});

describe('changeMany', () => {
  test('says for each change what came of it', async () => {
    const { messages } = storage();
    const known = aMessage({ messageId: 'known' });
    const done = aMessage({ messageId: 'done' });
    await messages.insert(known);
    await messages.change(await messages.insert(done), delivered);

    const outcomes = await messages.changeMany([
      { deviceId: 'device-1', messageId: 'known', change: delivered },
      { deviceId: 'device-1', messageId: 'done', change: delivered },
      { deviceId: 'device-1', messageId: 'never-sent', change: delivered },
    ]);

    expect(outcomes).toEqual(['changed', 'unchanged', 'not-found']);
    expect((await messages.find(known))?.message.status).toBe('delivered');
  });

  test('applies two changes of one message together', async () => {
    const { messages } = storage();
    await messages.insert(aMessage());
    const key = { deviceId: 'device-1', messageId: 'message-1' };

    await messages.changeMany([
      { ...key, change: delivered },
      { ...key, change: enqueued },
    ]);

    expect((await messages.find(key))?.message.history).toHaveLength(3);
  });

  test('writes the others when one of a group has changed meanwhile', async () => {
    const { messages } = storage();
    const ids = Array.from({ length: 20 }, (_, index) => `message-${index}`);
    await Promise.all(ids.map(async (messageId) => messages.insert(aMessage({ messageId }))));
    let meddling: Promise<unknown> = Promise.resolve();
    const meddle = async () => {
      const stored = await messages.find(aMessage({ messageId: 'message-7' }));
      if (stored) await messages.change(stored, enqueued);
    };

    const outcomes = await messages.changeMany(
      ids.map((messageId) => ({
        deviceId: 'device-1',
        messageId,
        change: (message: Message) => {
          if (messageId === 'message-7' && message.status === 'accepted') meddling = meddle();
          return delivered(message);
        },
      })),
    );
    await meddling;

    expect(outcomes).toEqual(ids.map(() => 'changed'));
    const { items } = await messages.list({ deviceId: 'device-1', limit: 50 });
    expect(items.map(({ status }) => status)).toEqual(ids.map(() => 'delivered'));
  });
});

describe('list', () => {
  test('gives the newest first, page by page, and skips or repeats none while messages are added', async () => {
    const { messages } = storage();
    const insertAt = async (index: number) =>
      messages.insert(aMessage({ messageId: `message-${index}`, createdAt: NOON + index }));
    for (let index = 0; index < 7; index += 1) await insertAt(index);

    const first = await messages.list({ deviceId: 'device-1', limit: 3 });
    await insertAt(100);
    const second = await messages.list({
      deviceId: 'device-1',
      limit: 10,
      continuationToken: first.continuationToken ?? '',
    });

    const ids = [...first.items, ...second.items].map(({ messageId }) => messageId);
    expect(ids).toEqual([6, 5, 4, 3, 2, 1, 0].map((index) => `message-${index}`));
    expect(second.continuationToken).toBeUndefined();
  });

  test('keeps to one device, even to one whose id begins alike', async () => {
    const { messages } = storage();
    const neighbour = ['device-1a', 'device-10', 'device-1|'].find(
      (deviceId) => partitionOf(deviceId) === partitionOf('device-1'),
    );
    await messages.insert(aMessage());
    await messages.insert(aMessage({ deviceId: neighbour ?? 'device-1a' }));

    const { items } = await messages.list({ deviceId: 'device-1', limit: 10 });

    expect(items.map(({ deviceId }) => deviceId)).toEqual(['device-1']);
  });

  test('filters by status and by time, bounds included', async () => {
    const { messages } = storage();
    for (let index = 0; index < 5; index += 1) {
      const stored = await messages.insert(
        aMessage({ messageId: `message-${index}`, createdAt: NOON + index }),
      );
      if (index % 2 === 0) await messages.change(stored, delivered);
    }

    const page = await messages.list({
      deviceId: 'device-1',
      status: 'delivered',
      since: NOON + 1,
      until: NOON + 4,
      limit: 10,
    });

    expect(page.items.map(({ messageId }) => messageId)).toEqual(['message-4', 'message-2']);
  });

  test.each([
    ['is no base64', '***'],
    ['is no JSON', Buffer.from('junk').toString('base64url')],
    [
      'is of another device',
      Buffer.from(JSON.stringify({ deviceId: 'other', next: { nextPartitionKey: '00' } })).toString(
        'base64url',
      ),
    ],
  ])('refuses a token that %s', async (_, continuationToken) => {
    const { messages } = storage();

    await expect(
      messages.list({ deviceId: 'device-1', limit: 1, continuationToken }),
    ).rejects.toMatchObject({ code: 'invalid-request' });
  });
});

describe('findDue', () => {
  test('finds what must be looked at, of every device, and nothing before its time', async () => {
    const { messages } = storage();
    await messages.insert(aMessage());
    await messages.insert(aMessage({ deviceId: 'device-2' }));

    expect(await messages.findDue(NOON + 30_999, 10)).toEqual([]);
    expect(await messages.findDue(NOON + 31_000, 10)).toEqual(
      expect.arrayContaining([
        { deviceId: 'device-1', messageId: 'message-1' },
        { deviceId: 'device-2', messageId: 'message-1' },
      ]),
    );
  });
});

describe('removeCreatedBefore', () => {
  test('removes all rows of old messages and keeps those of younger ones', async () => {
    const { messages, table } = storage();
    const old = aMessage({ messageId: 'old', createdAt: NOON - 2 * 86_400_000 });
    await messages.insert(old);
    await messages.insert(aMessage());

    expect(await messages.removeCreatedBefore(NOON)).toBe(1);

    expect(await messages.find(old)).toBeUndefined();
    expect(await listAll(messages, 'device-1', 10)).toEqual(['message-1']);
    expect(await rowKeys(table)).toEqual(['day', 'event', 'event', 'list', 'message', 'open']);
  });
});

describe('storage that is away', () => {
  test('is a clear error', async () => {
    const { connectTable } = await import('../../../functions/storage/table.ts');
    const away = connectTable(
      'DefaultEndpointsProtocol=http;AccountName=a;AccountKey=YQ==;TableEndpoint=http://127.0.0.1:9/a;',
      'downlink',
    );

    await expect(away.find('00', 'x')).rejects.toMatchObject({ code: 'storage-unavailable' });
  });
});
