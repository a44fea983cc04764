import { describe, expect, test } from '@jest/globals';
import { inProcessPart } from '../../../../simulator/cli/parts/in-process-part.ts';
import { Interruption } from '../../../../simulator/cli/parts/interruption.ts';
import { Parts } from '../../../../simulator/cli/parts/parts.ts';

function setUp() {
  const interruption = new Interruption();
  const log: string[] = [];
  const server = (name: string) => ({
    stop: async () => {
      log.push(`${name} stopped`);
      return Promise.resolve();
    },
  });
  return { interruption, parts: new Parts(interruption), log, server };
}

describe('Parts', () => {
  test('stop in the opposite order of their start', async () => {
    const { parts, log, server } = setUp();
    for (const name of ['hub', 'app']) {
      const starting = Promise.resolve(server(name));
      await parts.start(inProcessPart(name, starting), starting);
    }

    await parts.stop();

    expect(log).toEqual(['app stopped', 'hub stopped']);
  });

  test('stop one that was still starting', async () => {
    const { interruption, parts, log, server } = setUp();
    let isReady: (value: ReturnType<typeof server>) => void = () => {};
    const starting = new Promise<ReturnType<typeof server>>((resolve) => {
      isReady = resolve;
    });
    const started = parts.start(inProcessPart('hub', starting), starting);
    interruption.interrupt(new Error('Ctrl-C'));
    await expect(started).rejects.toThrow('Ctrl-C');

    const stopped = parts.stop();
    isReady(server('hub'));
    await stopped;

    expect(log).toEqual(['hub stopped']);
  });

  test('stop one that comes too late', async () => {
    const { interruption, parts, log, server } = setUp();
    interruption.interrupt(new Error('Ctrl-C'));
    await parts.stop();
    const starting = Promise.resolve(server('app'));

    await expect(parts.start(inProcessPart('app', starting), starting)).rejects.toThrow('Ctrl-C');

    expect(log).toEqual(['app stopped']);
  });

  test('stop the others when one cannot be stopped, and say so', async () => {
    const { parts, log, server } = setUp();
    const good = Promise.resolve(server('hub'));
    const bad = Promise.resolve({ stop: async () => Promise.reject(new Error('stuck')) });
    await parts.start(inProcessPart('hub', good), good);
    await parts.start(inProcessPart('app', bad), bad);

    await expect(parts.stop()).rejects.toThrow('Not everything could be stopped');

    expect(log).toEqual(['hub stopped']);
  });

  test('interrupt the run when one ends by itself', async () => {
    const { interruption, parts } = setUp();
    const part = {
      name: 'app',
      ended: Promise.resolve('ended with exit code 3'),
      stop: async () => {},
    };

    await parts.start(part, Promise.resolve());

    await expect(interruption.untilInterrupted()).rejects.toThrow('The app ended with exit code 3');
  });
});
