import type { CommandEntry } from './command.ts';

export const commands: readonly CommandEntry[] = [
  {
    name: 'start',
    summary: 'Run everything locally: simulated hub, storage, the app and one device',
    load: async () => (await import('./commands/start.ts')).startCommand,
  },
  {
    name: 'hub',
    summary: 'Run the simulated IoT Hub alone',
    load: async () => (await import('./commands/hub.ts')).hubCommand,
  },
  {
    name: 'token',
    summary: 'Print a token for the admin API, or for any request to a hub',
    load: async () => (await import('./commands/token.ts')).tokenCommand,
  },
];
