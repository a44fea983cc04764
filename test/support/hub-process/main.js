// A simulated hub in a process of its own, so that its memory and processor time can be told from a test's.
// JavaScript, because Node itself loads it. Needs --expose-gc.
import { once } from 'node:events';
import net from 'node:net';
import tls from 'node:tls';
import v8 from 'node:v8';
import rhea from 'rhea';
import { startHub } from '@downlink/simulator';

const MAX_PROBLEMS = 20;
const LOG_CAPACITY = 10_000;
const problems = [];

function note(problem) {
  if (problems.length < MAX_PROBLEMS) problems.push(problem);
}

process.on('uncaughtException', (error) => note(`uncaught: ${error.stack}`));
process.on('unhandledRejection', (error) => note(`unhandled: ${error?.stack ?? error}`));
const printed = (...texts) => note(`printed: ${texts.join(' ')}`);
Object.assign(console, { log: printed, warn: printed, error: printed });

/** What stays only while somebody holds on to it. */
const HELD = {
  tlsSockets: tls.TLSSocket,
  sockets: net.Socket,
  amqpConnections: rhea.create_container().create_connection({}).constructor,
  timers: clearedTimer().constructor,
};

let hub;
const plainServers = [];

function clearedTimer() {
  const timer = setTimeout(() => {}, 0);
  clearTimeout(timer);
  return timer;
}

/** The head as it serves connections from WebSockets: over a plain socket, which costs a client less than TLS. */
async function listenPlainly(head) {
  const server = net.createServer({ noDelay: true }, (socket) => {
    head.accept(socket, { name: `plain:${socket.remotePort}`, clientCertificate: () => undefined });
  });
  plainServers.push(server);
  await once(server.listen(0, '127.0.0.1'), 'listening');
  return server.address().port;
}

const requests = {
  async start(options) {
    hub = await startHub(options);
    const record = hub.log.record.bind(hub.log);
    hub.log.record = (entry) => {
      const said = JSON.stringify(entry);
      if (/internal error|fault of the simulated hub|The simulated hub failed/.test(said))
        note(said);
      record(entry);
    };
    // As full as it gets, or it would look like a leak.
    for (let count = 0; count < LOG_CAPACITY; count++)
      hub.log.record({ protocol: 'https', peer: '127.0.0.1:65535', event: 'fill', detail: {} });
    return {
      ports: hub.ports,
      plainPorts: {
        amqp: await listenPlainly(hub.amqp),
        mqtt: await listenPlainly(hub.mqtt),
      },
      certificateAuthorityPem: hub.certificateAuthorityPem,
      connectionString: hub.connectionString(),
    };
  },
  /** Registers what is missing; returns the connection strings. */
  devices(ids) {
    for (const deviceId of ids)
      if (!hub.state.registry.find(deviceId)) hub.state.registry.create({ deviceId });
    return ids.map((deviceId) => hub.deviceConnectionString(deviceId));
  },
  isRegistered: (deviceId) => hub.state.registry.find(deviceId) !== undefined,
  reset(devices) {
    hub.state.reset(devices);
  },
  /** Until so many messages wait or are locked. */
  fill({ devices, count, message }) {
    const { cloudToDevice } = hub.state;
    for (const deviceId of devices)
      for (let queued = cloudToDevice.count(deviceId); queued < count; queued++)
        cloudToDevice.enqueue(deviceId, { to: '', properties: {}, ack: 'none', ...message });
  },
  /** Devices that nobody uses, and messages that have expired. */
  leaveBehind({ devices, messages }) {
    const { cloudToDevice, clock, registry, settings } = hub.state;
    const message = { to: '', properties: {}, ack: 'none', body: Buffer.from('too late') };
    for (let ordinal = 0; ordinal < devices; ordinal++)
      registry.create({ deviceId: `idle-${ordinal}` });
    const { maxQueueDepth, defaultTtlMs } = settings.cloudToDevice;
    for (let left = messages; left > 0;) {
      for (let ordinal = 0; ordinal < devices && left > 0; ordinal++)
        for (let count = 0; count < maxQueueDepth && left > 0; count++, left--)
          cloudToDevice.enqueue(`idle-${ordinal}`, message);
      clock.advance(defaultTtlMs);
    }
  },
  queued: (deviceId) => hub.state.cloudToDevice.count(deviceId),
  journal: (filter) => hub.state.journal.events(filter),
  problems: () => problems,
  cpu: () => process.cpuUsage(),
  /** After everything that is garbage is gone; history and events, which have bounds of their own, left aside. */
  memory() {
    hub.state.journal.clear();
    hub.state.events.clear();
    globalThis.gc();
    globalThis.gc();
    const { heapUsed, external, rss } = process.memoryUsage();
    return { heapBytes: heapUsed + external, rssBytes: rss };
  },
  held() {
    return Object.fromEntries(
      Object.entries(HELD).map(([name, type]) => [name, v8.queryObjects(type)]),
    );
  },
  async stop() {
    for (const server of plainServers) server.close();
    await hub?.stop();
    setImmediate(() => process.disconnect());
  },
};

async function answer({ id, name, argument }) {
  try {
    process.send({ id, result: await requests[name](argument) });
  } catch (error) {
    process.send({ id, error: String(error?.stack ?? error) });
  }
}

process.on('message', (request) => void answer(request));
