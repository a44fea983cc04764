import path from 'node:path';
import type { Command } from '../command.ts';
import { columns } from '../help.ts';
import { describePortSettings, readPorts } from '../port-settings.ts';
import { runUntilStopped } from '../run-until-stopped.ts';
import { runLocally } from '../start/run-locally.ts';

const STATE_FOLDER = '.downlink';

export const startCommand: Command = {
  options: {
    fresh: { type: 'boolean', description: `Forget what ${STATE_FOLDER}/ holds from earlier runs` },
  },
  details: [
    'Settings (environment variables):',
    ...columns([
      ...describePortSettings(['app', 'amqp', 'mqtt', 'https', 'plainAmqp']),
      ['DOWNLINK_FUNCTION_KEY', 'Key of the HTTP API (local-development-key)'],
    ]),
    '',
    `The state survives a restart in ${STATE_FOLDER}/ of the current folder. Ctrl-C stops everything.`,
  ].join('\n'),
  run: async ({ values }) => {
    const ports = readPorts(process.env);
    return runUntilStopped(async (parts) =>
      runLocally({
        parts,
        ports,
        env: process.env,
        stateFolder: path.resolve(STATE_FOLDER),
        forgetState: values['fresh'] === true,
        print: console.log,
      }),
    );
  },
};
