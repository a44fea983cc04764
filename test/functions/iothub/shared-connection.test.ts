import { describe, expect, test } from '@jest/globals';
import { sharedConnection } from '../../../functions/iothub/shared-connection.ts';

class FakeConnection {
  usable = true;
  closed = 0;
  async close(): Promise<void> {
    this.closed++;
  }
}

function share(given: { maxIdleMs?: number; failures?: unknown[] } = {}) {
  const { maxIdleMs = 1_000, failures = [] } = given;
  const opened: FakeConnection[] = [];
  const clock = { now: 0 };
  const shared = sharedConnection({
    maxIdleMs,
    now: () => clock.now,
    async open() {
      await Promise.resolve();
      if (failures.length > 0) throw failures.shift();
      const connection = new FakeConnection();
      opened.push(connection);
      return connection;
    },
  });
  return { shared, opened, clock };
}

describe('sharedConnection', () => {
  test('opens nothing before it is asked', () => {
    expect(share().opened).toEqual([]);
  });

  test('opens once for all who ask at the same time, and tells them that it is fresh', async () => {
    const { shared, opened } = share();

    const leases = await Promise.all([1, 2, 3].map(async () => shared.acquire()));
    const later = await shared.acquire();

    expect(opened).toHaveLength(1);
    expect(leases.map(({ fresh }) => fresh)).toEqual([true, true, true]);
    expect(later.fresh).toBe(false);
  });

  test('keeps no failure: the next to ask opens anew', async () => {
    const { shared, opened } = share({ failures: [new Error('away')] });

    await expect(shared.acquire()).rejects.toThrow('away');
    await shared.acquire();

    expect(opened).toHaveLength(1);
  });

  test('replaces one that is not usable any more', async () => {
    const { shared, opened } = share();
    const first = await shared.acquire();
    first.release();
    first.connection.usable = false;

    const { connection } = await shared.acquire();

    expect(connection).toBe(opened[1]);
    expect(opened[0]?.closed).toBe(1);
  });

  test('replaces one that was left alone too long, but none that somebody uses', async () => {
    const { shared, opened, clock } = share({ maxIdleMs: 1_000 });
    const user = await shared.acquire();
    clock.now = 5_000;
    expect((await shared.acquire()).connection).toBe(opened[0]);

    user.release();
    const alone = share({ maxIdleMs: 1_000 });
    (await alone.shared.acquire()).release();
    alone.clock.now = 1_001;
    await alone.shared.acquire();

    expect(alone.opened.map(({ closed }) => closed)).toEqual([1, 0]);
  });

  test('closes one that was dropped only when its last user is done', async () => {
    const { shared, opened } = share();
    const first = await shared.acquire();
    const second = await shared.acquire();

    shared.drop(first.connection);
    first.release();
    first.release();
    expect(opened[0]?.closed).toBe(0);
    second.release();

    expect(opened[0]?.closed).toBe(1);
    expect((await shared.acquire()).connection).toBe(opened[1]);
  });

  test('does not drop the new connection for a fault of the old one', async () => {
    const { shared, opened } = share();
    const old = await shared.acquire();
    shared.drop(old.connection);
    await shared.acquire();

    shared.drop(old.connection);

    expect((await shared.acquire()).connection).toBe(opened[1]);
  });

  test('closes what is open and what is being opened, and opens nothing after', async () => {
    const { shared, opened } = share();
    const acquiring = shared.acquire();

    await shared.close();
    await acquiring;

    expect(opened.map(({ closed }) => closed)).toEqual([1]);
    await expect(shared.acquire()).rejects.toThrow('has been closed');
  });
});
