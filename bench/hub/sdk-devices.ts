import common from 'azure-iot-common';
import device from 'azure-iot-device';
import deviceMqtt from 'azure-iot-device-mqtt';
import { mapPorts } from '@downlink/simulator';
import { serveHelper } from './helper-process.ts';

/** Devices on the official SDK over MQTT, which complete every message and answer every method. */
await serveHelper(async ({ ports, certificateAuthorityPem, connectionStrings }) => {
  mapPorts({ hostName: 'localhost', ports: { 8883: ports.mqtt }, certificateAuthorityPem });
  for (const connectionString of connectionStrings) {
    const client = device.Client.fromConnectionString(connectionString, deviceMqtt.Mqtt);
    client.setRetryPolicy(new common.NoRetry());
    // The SDK has completed it by then.
    client.on('message', () => {});
    client.onDeviceMethod('echo', (request, response) => {
      void response.send(200, request.payload);
    });
    await client.open();
  }
});
