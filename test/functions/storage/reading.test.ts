import { describe, expect, test } from '@jest/globals';
import { countRequests } from '../../support/count-requests.ts';
import { aMessage, NOON } from '../../support/messages.ts';
import { useStorage } from '../../support/storage.ts';

const storage = useStorage();

describe('reading', () => {
  test('a page of a list is one storage request, filtered or not, and paging is stable under writes', async () => {
    const { messages } = storage();
    const ids = Array.from({ length: 24 }, (_, index) => `m-${index.toString().padStart(2, '0')}`);
    await Promise.all(
      ids.map(async (messageId, index) =>
        messages.insert(
          aMessage({
            messageId,
            createdAt: NOON + index,
            ...(index % 2 === 0 && { status: 'delivered' }),
          }),
        ),
      ),
    );
    const seen: string[] = [];
    const requests: number[] = [];
    let continuationToken: string | undefined;
    do {
      const query = {
        deviceId: 'device-1',
        limit: 10,
        ...(continuationToken !== undefined && { continuationToken }),
      };
      const page = await countRequests(async () => messages.list(query));
      seen.push(...page.result.items.map(({ messageId }) => messageId));
      requests.push(page.requests);
      ({ continuationToken } = page.result);
      await messages.insert(
        aMessage({ messageId: `new-${requests.length}`, createdAt: NOON + 1000 }),
      );
    } while (continuationToken !== undefined);
    const filtered = await countRequests(async () =>
      messages.list({ deviceId: 'device-1', status: 'delivered', limit: 5 }),
    );

    expect(seen).toEqual(ids.toReversed());
    expect(requests).toEqual([1, 1, 1]);
    expect(filtered.requests).toBe(1);
  });

  test('finding a message or an invocation is one storage request', async () => {
    const { messages, invocations } = storage();
    await messages.insert(aMessage());
    const key = { deviceId: 'device-1', messageId: 'message-1', invocationId: 'i-1' };

    expect(await countRequests(async () => messages.find(key))).toMatchObject({ requests: 1 });
    expect(await countRequests(async () => invocations.find(key))).toMatchObject({ requests: 1 });
  });
});
