import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { PortTakenError, startHub, systemClock, type SimulatedHub } from '@downlink/simulator';
import { MovableClock } from '../../simulator/hub/state/movable-clock.ts';
import type { Language } from './languages.ts';

/** Some SDKs take no name without a dot. */
const HOST_NAMES: Readonly<Partial<Record<Language, string>>> = { java: '127.0.0.1' };

/** A hub for one run, and what a program needs to reach and trust it. */
export interface Lab {
  readonly hub: SimulatedHub;
  readonly wallClock: MovableClock;
  readonly env: Readonly<Record<string, string>>;
  close(): Promise<void>;
}

/** Where SDKs look for a hub. Most of them let nobody say another port. */
const SDK_PORTS = { amqp: 5671, mqtt: 8883, https: 443 };

/** Throws when the SDKs' ports are not to be had, and the language has no way around them. */
export async function startLab(language: Language): Promise<Lab> {
  const wallClock = new MovableClock(systemClock());
  const startWith = (ports: Partial<typeof SDK_PORTS>): Promise<SimulatedHub> =>
    startHub({
      hostName: HOST_NAMES[language] ?? 'localhost',
      ports,
      wallClock,
      settings: { feedback: { intervalMs: 0 }, events: { partitionCount: 1 } },
    });
  const hub = await startWith(SDK_PORTS).catch((error: unknown) => {
    if (language === 'node' && cannotListen(error)) return startWith({});
    throw error;
  });
  const folder = await mkdtemp(path.join(tmpdir(), 'conformance-'));
  const authority = path.join(folder, 'ca.pem');
  await writeFile(authority, hub.certificateAuthorityPem);
  return {
    hub,
    wallClock,
    env: {
      CA_FILE: authority,
      NODE_EXTRA_CA_CERTS: authority,
      ...(hub.ports.https !== SDK_PORTS.https && mappedPorts(hub)),
    },
    async close() {
      await hub.stop();
      await rm(folder, { recursive: true });
    },
  };
}

function cannotListen(error: unknown): boolean {
  const code = (error as NodeJS.ErrnoException).code;
  return error instanceof PortTakenError || code === 'EACCES' || code === 'EADDRINUSE';
}

/** What docs/simulated-hub.md tells: mapPorts, loaded before the program. */
function mappedPorts(hub: SimulatedHub): Record<string, string> {
  const { amqp, mqtt, https } = hub.ports;
  const modules = ['../support/register-typescript.js', './node/mapped-ports.js'];
  return {
    HUB_PORTS: JSON.stringify({ 5671: amqp, 8883: mqtt, 443: https }),
    NODE_OPTIONS: modules
      .map((each) => `--import ${pathToFileURL(path.join(import.meta.dirname, each)).href}`)
      .join(' '),
  };
}
