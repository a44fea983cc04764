import { createPublicKey, X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { isIP } from 'node:net';
import tls from 'node:tls';
import { afterEach, describe, expect, test } from '@jest/globals';
import { listenOnLoopback } from '../../../../simulator/loopback/listen.ts';
import { certificateNames } from '../../../../simulator/hub/tls/certificate-names.ts';
import { newHubCertificate } from '../../../../simulator/hub/tls/hub-certificate.ts';

const NOW = Date.UTC(2026, 5, 1);
const DAY = 24 * 60 * 60 * 1000;

describe('newHubCertificate', () => {
  const cleanUps: (() => void)[] = [];
  afterEach(() => {
    for (const cleanUp of cleanUps.splice(0)) cleanUp();
  });

  async function handshake(servername: string, trusted: string): Promise<string> {
    const { key, cert } = await newHubCertificate('hub.example.com', Date.now());
    const { port, servers } = await listenOnLoopback(() => tls.createServer({ key, cert }), 0);
    cleanUps.push(() => servers.forEach((server) => server.close()));
    const ca = trusted === 'its own' ? cert.slice(cert.lastIndexOf('-----BEGIN')) : trusted;
    const socket = tls.connect({ port, host: '127.0.0.1', ca, minVersion: 'TLSv1.3', ...name() });
    cleanUps.push(() => socket.destroy());
    await once(socket, 'secureConnect');
    return socket.getProtocol() ?? '';

    // An address is no server name. (Node 22.23's own check takes no IPv6 address for one.)
    function name(): tls.ConnectionOptions {
      if (isIP(servername) === 0) return { servername };
      return {
        checkServerIdentity: (_, { raw }) =>
          new X509Certificate(raw).checkIP(servername) === undefined
            ? new Error('the address is not in the certificate')
            : undefined,
      };
    }
  }

  test.each([
    'localhost',
    'my-hub.azure-devices.net',
    'my-namespace.servicebus.windows.net',
    'hub.example.com',
    '127.0.0.1',
    '::1',
  ])('convinces a client that asks for %s and trusts the authority', async (servername) => {
    expect(await handshake(servername, 'its own')).toBe('TLSv1.3');
  });

  test('convinces no client that asks for another name', async () => {
    await expect(handshake('example.com', 'its own')).rejects.toThrow(
      "does not match certificate's",
    );
  });

  test('convinces no client that trusts another authority', async () => {
    const { ca: other } = await newHubCertificate('hub.example.com', Date.now());

    await expect(handshake('localhost', other)).rejects.toThrow(/certificate/);
  });

  test('is a leaf for servers under an authority that can sign no further authorities', async () => {
    const { ca, cert } = await newHubCertificate('localhost', NOW);
    const authority = new X509Certificate(ca);
    const leaf = new X509Certificate(cert);

    expect(authority).toMatchObject({ ca: true, issuer: authority.subject });
    expect(leaf).toMatchObject({ ca: false, issuer: authority.subject });
    expect(leaf.keyUsage).toEqual(['1.3.6.1.5.5.7.3.1']);
    expect(leaf.verify(authority.publicKey)).toBe(true);
    expect(leaf.checkIssued(authority)).toBe(true);
    expect(
      createPublicKey(leaf.publicKey.export({ type: 'spki', format: 'pem' })).asymmetricKeyDetails,
    ).toEqual({ namedCurve: 'prime256v1' });
    expect(cert.endsWith(ca)).toBe(true);
  });

  // RFC 5280 §4.2.1.3 and §4.2.1.9, in DER: the extension's id, true for critical, its value.
  test.each([
    ['authority', 'may sign', '0603551d0f 0101ff 0404 03020204'],
    ['authority', 'has none below it', '0603551d13 0101ff 0408 30060101ff020100'],
    ['leaf', 'may take part in handshakes', '0603551d0f 0101ff 0404 03020780'],
    ['leaf', 'is no authority', '0603551d13 0101ff 0402 3000'],
  ])('says for everyone to heed that the %s %s', async (which, _, extension) => {
    const { ca, cert } = await newHubCertificate('localhost', NOW);

    const { raw } = new X509Certificate(which === 'leaf' ? cert : ca);

    expect(raw.includes(Buffer.from(extension.replaceAll(' ', ''), 'hex'))).toBe(true);
  });

  test.each([
    ['in this century', NOW],
    ['across 2050, where the notation changes', Date.UTC(2049, 6, 1)],
  ])('is valid from the day before for 397 days (%s)', async (_, now) => {
    const leaf = new X509Certificate((await newHubCertificate('localhost', now)).cert);

    expect(Date.parse(leaf.validFrom)).toBe(now - DAY);
    expect(Date.parse(leaf.validTo)).toBe(now + 397 * DAY);
  });

  test('holds every name, addresses as addresses, in full', async () => {
    for (const hostName of [
      '10.1.2.3',
      'fe80::1:0:2',
      '2001:db8:1:2:3:4:5:6',
      `${'h'.repeat(60)}.example.com`,
    ]) {
      const leaf = new X509Certificate((await newHubCertificate(hostName, NOW)).cert);

      const isNamed = (name: string) =>
        isIP(name) ? leaf.checkIP(name) : leaf.subjectAltName?.includes(`DNS:${name}`);
      expect(certificateNames(hostName).filter((name) => !isNamed(name))).toEqual([]);
    }
  });
});
