import { describe, expect, test } from '@jest/globals';
import { readHubPorts, readPorts } from '../../../simulator/cli/port-settings.ts';

describe('readPorts', () => {
  test('answers the documented ports when nothing is set, or set to nothing', () => {
    const ports = readPorts({ DOWNLINK_PORT: '', DOWNLINK_HUB_AMQP_PORT: ' ' });

    expect(ports).toEqual({ app: 7071, amqp: 5671, mqtt: 8883, https: 8443 });
  });

  test('has a port without TLS only if it is set', () => {
    expect(readPorts({ DOWNLINK_HUB_PLAIN_AMQP_PORT: '5672' })).toMatchObject({ plainAmqp: 5672 });
  });

  test('takes 0 for any free one, more than once', () => {
    const ports = readPorts({
      DOWNLINK_PORT: '0',
      DOWNLINK_HUB_AMQP_PORT: '0',
      DOWNLINK_HUB_MQTT_PORT: '65535',
    });

    expect(ports).toEqual({ app: 0, amqp: 0, mqtt: 65_535, https: 8443 });
  });

  test.each(['-1', '65536', '80.5', '8080 http', '0x50', '1e3', 'http', '999999'])(
    'refuses %p and names the setting',
    (value) => {
      expect(() => readPorts({ DOWNLINK_HUB_HTTPS_PORT: value })).toThrow(
        `DOWNLINK_HUB_HTTPS_PORT is "${value}", but must be a port from 1 to 65535, or 0 for any free one.`,
      );
    },
  );

  test('names every wrong setting at once', () => {
    const read = () => readPorts({ DOWNLINK_PORT: 'x', DOWNLINK_HUB_AMQP_PORT: 'y' });

    expect(read).toThrow(/DOWNLINK_PORT is "x".*\n.*DOWNLINK_HUB_AMQP_PORT is "y"/);
  });

  test('refuses one port for two things, also when one of them is a default', () => {
    const read = () => readPorts({ DOWNLINK_HUB_HTTPS_PORT: '7071' });

    expect(read).toThrow('DOWNLINK_PORT and DOWNLINK_HUB_HTTPS_PORT are both 7071');
  });
});

describe('readHubPorts', () => {
  test("does not mind what the app's port is", () => {
    const ports = readHubPorts({ DOWNLINK_PORT: '8443' });

    expect(ports).toEqual({ amqp: 5671, mqtt: 8883, https: 8443 });
  });
});
