import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { readSettings } from '../../../simulator/cli/settings-file.ts';

let folder: string;
let file: string;
beforeEach(async () => {
  folder = await mkdtemp(path.join(os.tmpdir(), 'settings-file-'));
  file = path.join(folder, 'settings.json');
});
afterEach(() => rm(folder, { recursive: true }));

describe('readSettings', () => {
  test('answers what the file says and nothing else', async () => {
    await writeFile(file, '\uFEFF{"twins":{"changeLatencyMs":50}}');

    expect(await readSettings({ settings: file })).toEqual({ twins: { changeLatencyMs: 50 } });
  });

  test('answers nothing without the option', async () => {
    expect(await readSettings({})).toBeUndefined();
  });

  test.each([
    ['{"twins":{}\n"events":{}}', /settings\.json is not valid:\n {2}It is not JSON: .*line 2/],
    ['null', /settings\.json is not valid:\n {2}they must be an object of groups/],
    [
      '{"twins":[],"twin":{}}',
      /is not valid:\n {2}twins must be an object\n {2}twin is not a group of settings/,
    ],
  ])('refuses %j', async (text, said) => {
    await writeFile(file, text);

    await expect(readSettings({ settings: file })).rejects.toThrow(said);
  });

  test('refuses a file that is not there', async () => {
    await expect(readSettings({ settings: file })).rejects.toThrow(/--settings: .*settings\.json/);
  });
});
