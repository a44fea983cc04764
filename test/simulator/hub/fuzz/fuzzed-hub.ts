import https from 'node:https';
import { once } from 'node:events';
import common from 'azure-iot-common';
import device from 'azure-iot-device';
import deviceMqtt from 'azure-iot-device-mqtt';
import iothub from 'azure-iothub';
import { mapPorts, type SimulatedHubOptions } from '@downlink/simulator';
import {
  startHubProcess,
  type HeldObjects,
  type HubMemory,
} from '../../../support/hub-process/hub-process.ts';
import { until } from '../../../support/until.ts';

export interface Standing {
  readonly held: HeldObjects;
  readonly memory: HubMemory;
}

const WITNESS = 'witness';
/** Whether a feedback batch waits for its time, and the like. */
const CHANGING_TIMERS = 4;

/** A hub that is fed with junk, with a back end and a device that must not notice. */
export async function startFuzzedHub(options: SimulatedHubOptions = {}) {
  const hub = await startHubProcess({
    ...options,
    devices: [...(options.devices ?? []), { deviceId: WITNESS }],
  });
  const [witnessConnectionString = ''] = await hub.ask('devices', [WITNESS]);
  const ownPorts = {
    5671: hub.ports.amqp,
    8883: hub.ports.mqtt,
    443: hub.ports.https,
  };
  const unmapPorts = mapPorts({
    hostName: 'localhost',
    ports: ownPorts,
    certificateAuthorityPem: hub.certificateAuthorityPem,
  });
  const service = iothub.Client.fromConnectionString(hub.connectionString);
  service.setRetryPolicy(new common.NoRetry());
  const token = common.SharedAccessSignature.create(
    'localhost',
    'iothubowner',
    /SharedAccessKey=(.*)$/.exec(hub.connectionString)?.[1] ?? '',
    Math.floor(Date.now() / 1000) + 24 * 3600,
  ).toString();
  const received: string[] = [];
  const client = device.Client.fromConnectionString(witnessConnectionString, deviceMqtt.Mqtt);
  client.on('message', (message: { messageId: string }) => received.push(message.messageId));
  client.onDeviceMethod('echo', (request, response) => {
    response.send(200, request.payload, () => {});
  });
  await client.open();
  await until('the witness takes messages', async () => {
    await service.send(WITNESS, messageOf('first'));
    return received.includes('first');
  });
  let checks = 0;

  /** The hub has done nothing wrong, and still does what it is there for. */
  async function checkServes(when: string): Promise<void> {
    const problems = await hub.ask('problems').catch((error: unknown) => [String(error)]);
    if (problems.length > 0) throw new Error(`${when}:\n${problems.join('\n')}`);
    const messageId = `check-${++checks}`;
    await service.send(WITNESS, messageOf(messageId));
    await until(`${when}: ${messageId} at its device`, () => received.includes(messageId));
    received.length = 0;
    const { result } = (await service.invokeDeviceMethod(WITNESS, {
      methodName: 'echo',
      payload: { checks },
      responseTimeoutInSeconds: 10,
    })) as { result: unknown };
    if (JSON.stringify(result) !== JSON.stringify({ status: 200, payload: { checks } }))
      throw new Error(`${when}: the method answered ${JSON.stringify(result)}`);
    const status = await refusedStatus();
    if (status !== 401) throw new Error(`${when}: ${status} for a request without a token`);
  }

  /** A connection of its own each time. */
  async function refusedStatus(): Promise<number | undefined> {
    const request = https.get({
      host: 'localhost',
      port: hub.ports.https,
      ca: hub.certificateAuthorityPem,
      path: '/devices/witness?api-version=2021-04-12',
      agent: false,
    });
    const [response] = await once(request, 'response');
    response.resume();
    await once(response, 'close');
    return response.statusCode;
  }

  /** What the hub holds when everybody but the witness is gone: no more than before. */
  async function settled(before?: HeldObjects): Promise<Standing> {
    let held = await hub.ask('held');
    const isSettled = async (): Promise<boolean> => {
      const earlier = held;
      held = await hub.ask('held');
      return before ? isNoMore(held, before) : isNoMore(earlier, held);
    };
    await until('what connections held is given back', isSettled, 30_000).catch(
      (error: unknown) => {
        const found = `${JSON.stringify(before)} before, ${JSON.stringify(held)} now`;
        throw new Error(found, { cause: error });
      },
    );
    return { held, memory: await hub.ask('memory') };
  }

  async function stop(): Promise<void> {
    await client.close();
    await service.close();
    unmapPorts();
    await hub.stop();
  }

  return { ...hub, ownPorts, token, checkServes, settled, stop };
}

export type FuzzedHub = Awaited<ReturnType<typeof startFuzzedHub>>;

function isNoMore(now: HeldObjects, before: HeldObjects): boolean {
  return (
    now.tlsSockets <= before.tlsSockets &&
    now.sockets <= before.sockets &&
    now.amqpConnections <= before.amqpConnections &&
    now.timers <= before.timers + CHANGING_TIMERS
  );
}

function messageOf(messageId: string): InstanceType<typeof common.Message> {
  const message = new common.Message('a message');
  message.messageId = messageId;
  return message;
}
