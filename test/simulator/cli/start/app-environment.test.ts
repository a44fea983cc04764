import { describe, expect, test } from '@jest/globals';
import { appEnvironment } from '../../../../simulator/cli/start/app-environment.ts';

const hub = {
  hostName: 'localhost',
  ports: { amqp: 15_671, mqtt: 18_883, https: 18_443 },
  certificateAuthorityFile: '/state/hub/ca.pem',
  connectionString: () => 'HostName=localhost;SharedAccessKeyName=iothubowner;SharedAccessKey=a2V5',
  eventHubConnectionString: () => 'Endpoint=sb://localhost/;EntityPath=events',
};
const storage = { connectionString: 'AccountName=devstoreaccount1' };

describe('appEnvironment', () => {
  test('leads the app to the hub and the storage that were started, whatever is set', () => {
    const env = appEnvironment(
      { AzureWebJobsStorage: 'a real account', DOWNLINK_IOTHUB_CONNECTION_STRING: 'a real hub' },
      hub,
      storage,
    );

    expect(env).toMatchObject({
      AzureWebJobsStorage: storage.connectionString,
      DOWNLINK_IOTHUB_CONNECTION_STRING: hub.connectionString(),
      DOWNLINK_EVENT_HUB: hub.eventHubConnectionString(),
      DOWNLINK_EVENT_HUB_CONSUMER_GROUP: 'downlink',
    });
    expect(JSON.parse(env['DOWNLINK_SIMULATED_HUB'] ?? '')).toEqual({
      hostName: 'localhost',
      ports: { 5671: 15_671, 8883: 18_883, 443: 18_443 },
      certificateAuthorityFile: '/state/hub/ca.pem',
    });
  });

  test("lets the user's other settings through, and leaves the trusted authorities alone", () => {
    const own = { DOWNLINK_RETENTION_DAYS: '7', NODE_EXTRA_CA_CERTS: '/own.pem', PATH: '/bin' };

    expect(appEnvironment(own, hub, storage)).toMatchObject(own);
  });

  test.each([
    ['the one that is set', 'own-key', 'own-key'],
    ['the default when none is', undefined, 'local-development-key'],
    ['the default when it is empty', '', 'local-development-key'],
  ])('has as function key %s', (_, key, expected) => {
    const env = appEnvironment({ DOWNLINK_FUNCTION_KEY: key }, hub, storage);

    expect(env['DOWNLINK_FUNCTION_KEY']).toBe(expected);
  });
});
