import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { until } from '../../../support/until.ts';
import { startMqttHub, type MqttHub } from './mqtt-hub.ts';

describe('the topics of the twin', () => {
  const RESPONSES = '$iothub/twin/res/#';
  const DESIRED = '$iothub/twin/PATCH/properties/desired/#';
  const REPORTED = '$iothub/twin/PATCH/properties/reported/?$rid=a1';
  let hub: MqttHub;

  beforeAll(async () => {
    hub = await startMqttHub();
  });
  afterAll(async () => {
    await hub.stop();
  });
  afterEach(() => {
    hub.state.twins.patch('device-1', { desired: null });
  });

  async function connected(...filters: string[]) {
    const client = await hub.connectRaw({ clean: true });
    await client.connected();
    for (const filter of filters) {
      await client.subscribe(filter, 0);
    }
    return client;
  }

  test('answer a read with 200 and a report with 204 and the new version', async () => {
    const client = await connected(RESPONSES);
    client.publish('$iothub/twin/GET/?$rid=r-1', ' ', { qos: 0 });
    const read = await client.next('publish');
    client.publish(REPORTED, '{"a":1}', { qos: 0 });
    const reported = await client.next('publish');

    expect(read.topic).toBe('$iothub/twin/res/200/?$rid=r-1');
    expect(JSON.parse(read.payload.toString())).toMatchObject({ desired: { $version: 1 } });
    expect(reported.topic).toBe('$iothub/twin/res/204/?$rid=a1&$version=2');
    expect(reported.payload.toString()).toBe('');
  });

  test.each(['', '[]', 'null', '{', '{"a":"\u0000', '{"a b":1}'])(
    'answer the report %j with 400 and stay open',
    async (payload) => {
      const client = await connected(RESPONSES);
      client.publish(REPORTED, payload, { qos: 0 });
      const answer = await client.next('publish');
      await client.settled();

      expect(answer.topic).toBe('$iothub/twin/res/400/?$rid=a1');
      expect(JSON.parse(answer.payload.toString())).toMatchObject({ errorCode: 400004 });
    },
  );

  test('say nothing to a device that has not subscribed, or no longer', async () => {
    const client = await connected(DESIRED);
    client.publish('$iothub/twin/GET/?$rid=r-1', '', { qos: 0 });
    client.send({ cmd: 'unsubscribe', messageId: 4, unsubscriptions: [DESIRED] });
    await client.next('unsuback');
    hub.state.twins.patch('device-1', { desired: { a: 1 } });
    await client.settled();

    expect(client.received('publish')).toEqual([]);
  });

  test('pass changes on after a reconnection of the same session, but none that were missed', async () => {
    const first = await hub.connectRaw({ clean: false });
    await first.connected();
    await first.subscribe(DESIRED, 0);
    first.end();
    await until(
      'the end',
      () => hub.state.registry.get('device-1').connectionState === 'Disconnected',
    );
    hub.state.twins.patch('device-1', { desired: { missed: 1 } });
    const second = await hub.connectRaw({ clean: false });
    await second.connected();
    const { version } = hub.state.twins.patch('device-1', { desired: { a: 1 } }).desired;

    const { topic, payload } = await second.next('publish');

    expect(topic).toBe(`$iothub/twin/PATCH/properties/desired/?$version=${version}`);
    expect(JSON.parse(payload.toString())).toEqual({ a: 1, $version: version });
    const sent = hub.log.entries().filter(({ event }) => event === 'desired properties');
    expect(sent.filter(({ detail }) => detail?.['version'] === version)).toHaveLength(1);
  });
});
