import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { curlLines } from '../../../../simulator/cli/start/curl-lines.ts';
import { shellStyle } from '../../../../simulator/cli/start/shell-style.ts';
import { curlArguments } from '../shell-words.ts';

const target = {
  url: 'http://localhost:7071',
  functionKey: "it's a key",
  deviceId: 'device-1',
  messageId: 'hello-7',
};
let folder: string;

beforeEach(() => {
  folder = mkdtempSync(path.join(os.tmpdir(), 'curl-lines-'));
});
afterEach(() => {
  rmSync(folder, { recursive: true });
});

function lines(platform: NodeJS.Platform, env: NodeJS.ProcessEnv = {}): string[] {
  return curlLines(target, shellStyle({ platform, env, examplesFolder: folder }));
}

describe('curlLines', () => {
  test('reach curl through a POSIX shell as they were meant', () => {
    const [send = '', , invoke = ''] = lines('linux')
      .map(curlArguments)
      .map((line) => line.join('\n'));

    expect(send.split('\n')).toEqual([
      '-H',
      "x-functions-key: it's a key",
      '-H',
      'content-type: application/json',
      '-d',
      '{"messageId":"hello-7","body":{"setPoint":21}}',
      'http://localhost:7071/api/devices/device-1/messages',
    ]);
    expect(invoke).toContain('/api/devices/device-1/methods/reboot');
  });

  test('hold no quotes inside quotes for Windows, whose shells agree on none', () => {
    const [send = '', follow = ''] = lines('win32');

    expect(send).toMatch(/^curl\.exe -H "[^"]+" -H "[^"]+" -d "@([^"]+)" "[^"]+"$/);
    expect(follow).toMatch(/^curl\.exe -H "[^"]+" "[^"]+\/hello-7\?waitSeconds=30"$/);
    const [, file = ''] = /"@([^"]+)"/.exec(send) ?? [];
    expect(JSON.parse(readFileSync(file, 'utf8'))).toEqual({
      messageId: 'hello-7',
      body: { setPoint: 21 },
    });
  });

  test.each(['http_proxy', 'all_proxy', 'ALL_PROXY'])('pass by the proxy of %s', (variable) => {
    const [line = ''] = lines('linux', { [variable]: 'http://proxy:3128' });

    expect(line).toMatch(/^curl --noproxy localhost /);
  });

  test.each(['http_proxy', 'all_proxy'])('need nothing against an empty %s', (variable) => {
    expect(lines('linux', { [variable]: '', HTTP_PROXY: 'http://curl-ignores-it' })).toEqual(
      lines('linux'),
    );
  });
});
