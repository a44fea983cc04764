import path from 'node:path';
import type { SimulatedHub } from '../../hub/simulated-hub.ts';
import { writeAuthorityFile } from '../authority-file.ts';
import type { Command } from '../command.ts';
import { connectionStrings, hubRows } from '../describe-hub.ts';
import { DEVICE_AUTHORITY_OPTIONS, readDeviceAuthorities } from '../device-authorities.ts';
import { ENTRA_OPTIONS, readEntraSettings } from '../entra-file.ts';
import { columns } from '../help.ts';
import { startHubPart } from '../hub-part.ts';
import { claim } from '../instance/claim.ts';
import { inProcessPart } from '../parts/in-process-part.ts';
import type { Parts } from '../parts/parts.ts';
import { describePortSettings, readHubPorts } from '../port-settings.ts';
import { LIMIT_OPTIONS, readLimits } from '../hub-limits.ts';
import { runUntilStopped } from '../run-until-stopped.ts';
import { readSeed, SEED_OPTIONS } from '../seed-file.ts';
import { readSettings, SETTINGS_OPTIONS } from '../settings-file.ts';

export const hubCommand: Command = {
  options: {
    data: {
      type: 'string',
      valueName: 'folder',
      description: 'Where the state is kept; without it nothing survives the end',
    },
    'consumer-groups': {
      type: 'string',
      valueName: 'names',
      description: 'Of the Event Hubs endpoint, besides $Default, with commas between them',
    },
    'host-name': {
      type: 'string',
      valueName: 'name',
      description: 'Its name in connection strings instead of localhost, such as 127.0.0.1',
    },
    ...SEED_OPTIONS,
    ...LIMIT_OPTIONS,
    ...SETTINGS_OPTIONS,
    'log-payloads': {
      type: 'boolean',
      description: 'Keep what is sent and received in the log of the admin API',
    },
    ...DEVICE_AUTHORITY_OPTIONS,
    ...ENTRA_OPTIONS,
  },
  details: [
    'Settings (environment variables):',
    ...columns(describePortSettings(['amqp', 'mqtt', 'https', 'plainAmqp'])),
  ].join('\n'),
  run: async ({ values }) => {
    const dataFolder =
      typeof values['data'] === 'string' ? path.resolve(values['data']) : undefined;
    const ports = readHubPorts(process.env);
    const limits = readLimits(values);
    const seed = await readSeed(values);
    const settings = await readSettings(values);
    return runUntilStopped(async (parts) => {
      const claiming = claim('hub', dataFolder);
      const instance = await parts.start(inProcessPart('lock', claiming), claiming);
      const hub = await startHubPart({
        parts,
        ports,
        dataFolder,
        hostName: typeof values['host-name'] === 'string' ? values['host-name'] : undefined,
        consumerGroups: groupsIn(values['consumer-groups']),
        limits,
        seed,
        settings,
        logPayloads: values['log-payloads'] === true,
        certificateAuthorities: await readDeviceAuthorities(values),
        entra: await readEntraSettings(values),
        print: console.log,
      });
      await instance.announce(Object.values(hub.ports));
      const authorityFile = hub.certificateAuthorityFile ?? (await temporaryFile(parts, hub));
      console.log(
        [
          'The simulated hub is ready.',
          '',
          ...columns(hubRows(hub, authorityFile)),
          '',
          ...connectionStrings(hub, firstDevices(hub)),
          '',
          'Ctrl-C stops it.',
        ].join('\n'),
      );
    });
  },
};

function groupsIn(text: unknown): string[] {
  const names = typeof text === 'string' ? text.split(',') : [];
  return names.map((name) => name.trim()).filter((name) => name !== '');
}

/** More would push what matters out of sight. */
const MOST_DEVICES_SHOWN = 10;

function firstDevices({ state }: SimulatedHub): { deviceId: string; note: string }[] {
  const more = state.registry.size - MOST_DEVICES_SHOWN;
  return state.registry.list(MOST_DEVICES_SHOWN).map(({ deviceId }, place) => ({
    deviceId,
    note: more > 0 && place === MOST_DEVICES_SHOWN - 1 ? `(and ${more} more)` : '',
  }));
}

async function temporaryFile(parts: Parts, hub: SimulatedHub): Promise<string> {
  const writing = writeAuthorityFile(hub.certificateAuthorityPem);
  return (await parts.start(inProcessPart('authority file', writing), writing)).file;
}
