import type { SimulatedHub } from '../../hub/simulated-hub.ts';
import { connectionStrings, hubRows } from '../describe-hub.ts';
import { columns } from '../help.ts';
import { functionKey } from './app-environment.ts';
import type { ReadyApp } from './app-part.ts';
import { curlLines } from './curl-lines.ts';
import { shellStyle } from './shell-style.ts';
import type { StateFolder } from './state-folder.ts';
import type { ReadyStorage } from './storage-part.ts';

export interface SummaryOptions {
  app: ReadyApp;
  hub: SimulatedHub;
  storage: ReadyStorage;
  state: StateFolder;
  env: NodeJS.ProcessEnv;
  startSeconds: number;
}

export function summary({ app, hub, storage, state, env, startSeconds }: SummaryOptions): string {
  const key = functionKey(env);
  const style = shellStyle({ platform: process.platform, env, examplesFolder: state.examples });
  return [
    '',
    `Downlink is ready (${startSeconds.toFixed(1)} s).`,
    '',
    ...columns([
      ['API', app.url],
      ['Function key', key],
      ...hubRows(hub, hub.certificateAuthorityFile),
      [
        'Storage',
        `queues 127.0.0.1:${storage.ports.queue}, tables 127.0.0.1:${storage.ports.table}`,
      ],
      ['State', `${state.root} (--fresh forgets it)`],
    ]),
    '',
    ...connectionStrings(hub, [
      { deviceId: 'device-1', note: '(simulated, connected over MQTT)' },
      { deviceId: 'device-2', note: '(registered, never connected)' },
    ]),
    '',
    'In another terminal: send a message, see what became of it, call a direct method:',
    ...curlLines(
      { url: app.url, functionKey: key, deviceId: 'device-1', messageId: `hello-${Date.now()}` },
      style,
    ).map((line) => `  ${line}`),
    '',
    'Ctrl-C stops everything.',
    '',
  ].join('\n');
}
