import { createPrivateKey, X509Certificate } from 'node:crypto';
import { isIP } from 'node:net';
import { join } from 'node:path';
import { readIfPresent } from '../read-if-present.ts';
import { writeFileAtomically } from '../write-file-atomically.ts';
import { certificateNames } from './certificate-names.ts';
import type { HubCertificate } from './hub-certificate.ts';

export interface CertificateOptions {
  readonly hostName: string;
  /** Without it the certificate lives as long as the process. */
  readonly folder?: string;
  readonly now: number;
}

/** The clients that were told to trust the file keep running a while: none shall meet its end. */
const RENEW_BEFORE_MS = 24 * 60 * 60 * 1000;

/** The stored certificate, or a new one in its place; `replaced` says why the stored one would not do. */
export async function hubCertificate(
  options: CertificateOptions,
): Promise<{ certificate: HubCertificate; replaced?: string }> {
  const { hostName, folder, now } = options;
  if (folder === undefined) return { certificate: await make(hostName, now) };
  const stored = await read(folder);
  if (stored !== undefined) {
    const fault = 'error' in stored ? stored.error : faultOf(stored.certificate, hostName, now);
    if (fault === undefined && 'certificate' in stored) return stored;
    const certificate = await renew(folder, hostName, now);
    return { certificate, replaced: `The hub's certificate was replaced: ${fault}` };
  }
  return { certificate: await renew(folder, hostName, now) };
}

function paths(folder: string): { ca: string; cert: string; key: string } {
  return {
    ca: join(folder, 'ca.pem'),
    cert: join(folder, 'hub.pem'),
    key: join(folder, 'hub-key.pem'),
  };
}

/** Undefined if there is none at all. */
async function read(
  folder: string,
): Promise<{ certificate: HubCertificate } | { error: string } | undefined> {
  const files = paths(folder);
  try {
    const [ca, cert, key] = await Promise.all(
      [files.ca, files.cert, files.key].map((path) => readIfPresent(path)),
    );
    if (ca === undefined && cert === undefined && key === undefined) return undefined;
    if (ca === undefined || cert === undefined || key === undefined)
      return { error: 'one of its files is missing' };
    return { certificate: { ca, cert, key } };
  } catch (error) {
    return { error: String(error) };
  }
}

/** What it takes loads in 0.1 s, which a hub that has its certificate is spared. */
async function make(hostName: string, now: number): Promise<HubCertificate> {
  const { newHubCertificate } = await import('./hub-certificate.ts');
  return newHubCertificate(hostName, now);
}

async function renew(folder: string, hostName: string, now: number): Promise<HubCertificate> {
  const certificate = await make(hostName, now);
  const files = paths(folder);
  await writeFileAtomically(files.key, certificate.key);
  await writeFileAtomically(files.cert, certificate.cert);
  await writeFileAtomically(files.ca, certificate.ca, 0o644);
  return certificate;
}

/** Undefined if it will do. */
function faultOf(stored: HubCertificate, hostName: string, now: number): string | undefined {
  try {
    const leaf = new X509Certificate(stored.cert);
    const authority = new X509Certificate(stored.ca);
    if (!leaf.checkPrivateKey(createPrivateKey(stored.key))) return 'its key is not the stored one';
    if (!leaf.verify(authority.publicKey)) return 'its authority is not the stored one';
    if (!stored.cert.includes(stored.ca.trim())) return 'its file lacks the authority';
    const ends = Math.min(Date.parse(leaf.validTo), Date.parse(authority.validTo));
    if (!(ends > now + RENEW_BEFORE_MS)) {
      return `it ${ends > now ? 'would expire' : 'expired'} at ${new Date(ends).toISOString()}`;
    }
    if (!(Date.parse(leaf.validFrom) <= now)) return `it is not valid before ${leaf.validFrom}`;
    const missing = certificateNames(hostName).find((name) => !isNamed(leaf, name));
    return missing === undefined ? undefined : `it is not made for ${missing}`;
  } catch (error) {
    return `it cannot be read (${String(error)})`;
  }
}

function isNamed(leaf: X509Certificate, name: string): boolean {
  if (isIP(name)) return leaf.checkIP(name) !== undefined;
  const listed = leaf.subjectAltName?.split(', ') ?? [];
  return listed.includes(`DNS:${name}`) || leaf.checkHost(name) !== undefined;
}
