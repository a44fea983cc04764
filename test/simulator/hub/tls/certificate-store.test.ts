import { execFile } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { hubCertificate } from '../../../../simulator/hub/tls/certificate-store.ts';
import { newHubCertificate } from '../../../../simulator/hub/tls/hub-certificate.ts';

const NOW = Date.UTC(2026, 5, 1);
const DAY = 24 * 60 * 60 * 1000;
const other = await newHubCertificate('localhost', NOW);

describe('hubCertificate', () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'downlink-certificates-'));
  });
  afterEach(async () => {
    await rm(folder, { recursive: true, force: true });
  });

  const open = (now = NOW, hostName = 'localhost') => hubCertificate({ hostName, folder, now });

  test('is made once and used again', async () => {
    const first = await open();
    const second = await open(NOW + 395 * DAY);

    expect(second).toEqual(first);
    expect(first.replaced).toBeUndefined();
  });

  test('is used again without what it takes to make one', async () => {
    await open(Date.now());
    const script = `
      const { startHub } = await import('@downlink/simulator');
      const hub = await startHub({ dataFolder: process.argv[1] });
      await hub.stop();
      console.log(hub.notices, 'getMetadata' in Reflect);
    `;

    const { stdout } = await promisify(execFile)(
      process.execPath,
      ['--input-type=module', '--eval', script, folder],
      { cwd: import.meta.dirname },
    );

    // reflect-metadata, which the library needs, would show here.
    expect(stdout).toBe('[] false\n');
  });

  test('leaves three files: no key of the authority, and the own one for its owner alone', async () => {
    const { certificate } = await open();

    expect((await readdir(folder)).toSorted()).toEqual(['ca.pem', 'hub-key.pem', 'hub.pem']);
    const texts = await Promise.all(
      ['ca.pem', 'hub-key.pem', 'hub.pem'].map((name) => readFile(join(folder, name), 'utf8')),
    );
    expect(texts).toEqual([certificate.ca, certificate.key, certificate.cert]);
    expect(texts.join('').match(/PRIVATE KEY/g)).toHaveLength(2);
    expect(
      new X509Certificate(certificate.ca).publicKey.equals(
        new X509Certificate(certificate.cert).publicKey,
      ),
    ).toBe(false);
    const { mode } = await stat(join(folder, 'hub-key.pem'));
    // Windows knows no such rights.
    expect(process.platform === 'win32' ? 0o600 : mode & 0o777).toBe(0o600);
  });

  test.each([
    ['it would expire within a day', NOW + 396 * DAY, /would expire at 2027-07-03/],
    ['it has expired', NOW + 400 * DAY, /expired at 2027-07-03/],
    ['the clock was set back before its beginning', NOW - 2 * DAY, /not valid before/],
  ])('is replaced when %s', async (_, now, reason) => {
    const first = await open();

    const second = await open(now);

    expect(second.certificate.cert).not.toBe(first.certificate.cert);
    expect(second.replaced).toMatch(reason);
    expect(await open(now)).toEqual({ certificate: second.certificate });
  });

  test('is replaced when the hub has another name', async () => {
    await open();

    const second = await open(NOW, 'my-hub.example.com');

    expect(second.replaced).toContain('it is not made for my-hub.example.com');
    expect((await open(NOW, 'my-hub.example.com')).replaced).toBeUndefined();
    expect((await open(NOW, 'other.azure-devices.net')).replaced).toBeUndefined();
  });

  test.each([
    ['the leaf is no certificate', 'hub.pem', 'no certificate', /cannot be read/],
    ['the key is cut', 'hub-key.pem', other.key.slice(0, 40), /cannot be read/],
    ['the key is another', 'hub-key.pem', other.key, /its key is not the stored one/],
    ['the authority is another', 'ca.pem', other.ca, /its authority is not the stored one/],
    ['the leaf stands alone', 'hub.pem', undefined, /its file lacks the authority/],
  ])('is replaced when %s', async (_, file, content, reason) => {
    const first = await open();
    const leafAlone = first.certificate.cert.replace(first.certificate.ca, '');
    await writeFile(join(folder, file), content ?? leafAlone);

    const second = await open();

    expect(second.replaced).toMatch(reason);
    expect(await open()).toEqual({ certificate: second.certificate });
  });

  test('is replaced when a file is missing', async () => {
    await open();
    await rm(join(folder, 'hub-key.pem'));

    expect((await open()).replaced).toContain('one of its files is missing');
  });

  test('needs no folder', async () => {
    const { certificate } = await hubCertificate({ hostName: 'localhost', now: NOW });

    expect(new X509Certificate(certificate.cert).checkHost('localhost')).toBe('localhost');
  });
});
