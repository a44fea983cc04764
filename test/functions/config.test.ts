import { readFileSync } from 'node:fs';
import { describe, expect, test } from '@jest/globals';
import { readConfig } from '../../functions/config.ts';

const SETTINGS = {
  DOWNLINK_IOTHUB_CONNECTION_STRING:
    'HostName=hub.azure-devices.net;SharedAccessKeyName=downlink;SharedAccessKey=a2V5',
  AzureWebJobsStorage: 'UseDevelopmentStorage=true',
};

describe('readConfig', () => {
  test('fills in the defaults', () => {
    expect(readConfig(SETTINGS)).toEqual({
      iotHub: {
        connectionString: SETTINGS.DOWNLINK_IOTHUB_CONNECTION_STRING,
        feedbackSource: 'amqp',
        sendTimeoutMs: 15_000,
      },
      auth: 'key',
      hubSize: undefined,
      storage: { connectionString: 'UseDevelopmentStorage=true' },
      eventHub: undefined,
      handOverMs: 30_000,
      feedbackTtlMs: 3_600_000,
      retentionMs: 90 * 86_400_000,
    });
  });

  test('takes the host name of the hub in place of a key', () => {
    const { DOWNLINK_IOTHUB_CONNECTION_STRING: _key, ...others } = SETTINGS;
    const DOWNLINK_IOTHUB_HOST_NAME = 'hub.azure-devices.net';

    const own = readConfig({ ...others, DOWNLINK_IOTHUB_HOST_NAME });
    // A template sets what it has no value for to nothing.
    const assigned = readConfig({
      ...others,
      DOWNLINK_IOTHUB_HOST_NAME,
      DOWNLINK_IOTHUB_CONNECTION_STRING: '',
      AZURE_CLIENT_ID: 'client-1',
    });

    const hostName = DOWNLINK_IOTHUB_HOST_NAME;
    expect(own.iotHub).toMatchObject({ identity: { hostName, clientId: undefined } });
    expect(assigned.iotHub).toMatchObject({ identity: { hostName, clientId: 'client-1' } });
    expect(assigned.iotHub).not.toHaveProperty('connectionString');
  });

  test.each([
    ['neither a key nor a name', {}, /DOWNLINK_IOTHUB_CONNECTION_STRING is missing.*HOST_NAME/],
    [
      'both',
      { ...SETTINGS, DOWNLINK_IOTHUB_HOST_NAME: 'hub.azure-devices.net' },
      /DOWNLINK_IOTHUB_CONNECTION_STRING and DOWNLINK_IOTHUB_HOST_NAME are both set/,
    ],
    [
      'a URL for a name',
      { DOWNLINK_IOTHUB_HOST_NAME: 'https://hub.azure-devices.net' },
      /DOWNLINK_IOTHUB_HOST_NAME must be a host name alone/,
    ],
  ])('refuses %s of the hub, beside all other faults', (_, settings, fault) => {
    const read = () => readConfig({ ...settings, DOWNLINK_HUB_UNITS: '0' });

    expect(read).toThrow(fault);
    expect(read).toThrow(/DOWNLINK_HUB_UNITS must be a whole number/);
  });

  test.each([undefined, '', 'false', '1'])(
    'refuses entra where the platform says %j of its authentication',
    (WEBSITE_AUTH_ENABLED) => {
      const settings = { ...SETTINGS, DOWNLINK_AUTH: 'entra', WEBSITE_AUTH_ENABLED };

      expect(() => readConfig(settings)).toThrow(/App Service authentication is off/);
      expect(readConfig({ ...settings, WEBSITE_AUTH_ENABLED: 'True' }).auth).toBe('entra');
    },
  );

  test('reports all faults together, and no value', () => {
    const read = () =>
      readConfig({
        DOWNLINK_IOTHUB_CONNECTION_STRING: 'SharedAccessKey=secret',
        DOWNLINK_AUTH: 'open',
        DOWNLINK_FEEDBACK_TTL_SECONDS: '1h',
        DOWNLINK_HAND_OVER_SECONDS: '0',
        DOWNLINK_HUB_SKU: 'B1',
        DOWNLINK_HUB_UNITS: '0',
      });

    expect(read).toThrow(/DOWNLINK_IOTHUB_CONNECTION_STRING is not right\. .*HostName is missing/);
    expect(read).toThrow(/AzureWebJobsStorage is missing/);
    expect(read).toThrow(/DOWNLINK_AUTH must be 'key' or 'entra'/);
    expect(read).toThrow(/DOWNLINK_FEEDBACK_TTL_SECONDS must be a whole number from 60 to 172800/);
    expect(read).toThrow(/DOWNLINK_HUB_SKU must be one of F1, S1, S2, S3/);
    expect(read).toThrow(/DOWNLINK_HUB_UNITS must be a whole number from 1 to 200/);
    expect(read).toThrow(/DOWNLINK_HAND_OVER_SECONDS must be a whole number from 2 to 300/);
    expect(read).not.toThrow(/secret/);
  });

  test.each([
    ['its connection string', { DOWNLINK_EVENT_HUB: 'Endpoint=sb://x/;EntityPath=events' }],
    [
      'its connection string, before the setting',
      { DOWNLINK_EVENT_HUB: 'Endpoint=sb://x/;EntityPath=events', DOWNLINK_EVENT_HUB_NAME: 'b' },
    ],
    [
      'the setting, with managed identity',
      {
        DOWNLINK_EVENT_HUB__fullyQualifiedNamespace: 'x.servicebus.windows.net',
        DOWNLINK_EVENT_HUB_NAME: 'events',
      },
    ],
  ])('takes the name of the event hub from %s', (_, settings) => {
    expect(readConfig({ ...SETTINGS, ...settings }).eventHub).toEqual({
      connection: 'DOWNLINK_EVENT_HUB',
      eventHubName: 'events',
      consumerGroup: '$Default',
    });
  });

  test('wants to know the name of the event hub', () => {
    const settings = { ...SETTINGS, DOWNLINK_EVENT_HUB: 'Endpoint=sb://x/' };

    expect(() => readConfig(settings)).toThrow(/DOWNLINK_EVENT_HUB_NAME is missing/);
  });

  test('knows every setting of the example, and the example knows every setting', () => {
    const example: { Values: Record<string, string> } = JSON.parse(
      readFileSync('local.settings.example.json', 'utf8'),
    );
    const source = readFileSync('functions/config.ts', 'utf8');
    const read = [...source.matchAll(/^ {2}(DOWNLINK_\w+|AzureWebJobsStorage|AZURE_\w+):/gm)].map(
      ([, name]) => name,
    );

    const { FUNCTIONS_WORKER_RUNTIME: _ofTheHost, ...values } = example.Values;
    expect(new Set(Object.keys(values))).toEqual(new Set(read));
    expect(() => readConfig({ ...example.Values, ...SETTINGS })).not.toThrow();
  });
});
