import { generateKeyPairSync } from 'node:crypto';
import { signCertificate } from './certificate.ts';

/** PEM; `cert` is the leaf with the authority's certificate after it. */
export interface HubCertificate {
  readonly key: string;
  readonly cert: string;
  readonly ca: string;
}

const DAY_MS = 24 * 60 * 60 * 1000;
// Some systems refuse server certificates of more than 398 days.
const LIFETIME_MS = 397 * DAY_MS;
/** For clients whose clock is behind, a machine in another container for instance. */
const BACKDATED_MS = DAY_MS;

const STANDARD_NAMES = [
  'localhost',
  '*.localhost',
  '*.azure-devices.net',
  '*.servicebus.windows.net',
  '127.0.0.1',
  '::1',
];

/** Every name that the hub's certificate holds. */
export function certificateNames(hostName: string): string[] {
  return [...new Set([...STANDARD_NAMES, hostName.toLowerCase()])];
}

/** Makes an authority and the hub's certificate. No one can sign with this authority again: its key ends with this call. */
export function newHubCertificate(hostName: string, now: number): HubCertificate {
  const authority = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const leaf = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const issuer = {
    commonName: `Downlink simulated IoT Hub ${new Date(now).toISOString()}`,
    privateKey: authority.privateKey,
  };
  const shared = {
    issuer,
    issuerPublicKey: authority.publicKey,
    notBefore: now - BACKDATED_MS,
    notAfter: now + LIFETIME_MS,
  };
  const ca = signCertificate({
    ...shared,
    commonName: issuer.commonName,
    publicKey: authority.publicKey,
    use: 'authority',
  });
  const certificate = signCertificate({
    ...shared,
    commonName: 'Simulated IoT Hub',
    publicKey: leaf.publicKey,
    use: { names: certificateNames(hostName) },
  });
  const key = leaf.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
  return { key, cert: certificate + ca, ca };
}
