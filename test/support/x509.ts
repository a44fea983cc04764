import { KeyObject, type webcrypto } from 'node:crypto';
// oxlint-disable-next-line import/no-unassigned-import -- @peculiar/x509 needs what it adds to Reflect
import 'reflect-metadata';
import {
  BasicConstraintsExtension,
  KeyUsageFlags,
  KeyUsagesExtension,
  X509CertificateGenerator,
} from '@peculiar/x509';

const DAY_MS = 24 * 60 * 60 * 1000;
const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256' };

/** A certificate and its key, and what it takes to sign others with it. */
export interface TestCertificate {
  readonly commonName: string;
  readonly cert: string;
  readonly key: string;
  readonly privateKey: webcrypto.CryptoKey;
}

interface CertificateOptions {
  /** Itself, unless told otherwise. */
  readonly issuer?: TestCertificate;
  readonly isAuthority?: boolean;
  readonly notBefore?: Date;
  readonly notAfter?: Date;
}

export async function aCertificate(
  commonName: string,
  options: CertificateOptions = {},
): Promise<TestCertificate> {
  const { issuer, isAuthority = false } = options;
  const keys = await crypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']);
  const certificate = await X509CertificateGenerator.create({
    subject: [{ CN: [commonName] }],
    issuer: [{ CN: [issuer?.commonName ?? commonName] }],
    publicKey: keys.publicKey,
    signingKey: issuer?.privateKey ?? keys.privateKey,
    notBefore: options.notBefore ?? new Date(Date.now() - DAY_MS),
    notAfter: options.notAfter ?? new Date(Date.now() + DAY_MS),
    extensions: [
      new BasicConstraintsExtension(isAuthority, undefined, true),
      new KeyUsagesExtension(
        isAuthority ? KeyUsageFlags.keyCertSign : KeyUsageFlags.digitalSignature,
        true,
      ),
    ],
  });
  return {
    commonName,
    cert: `${certificate.toString('pem')}\n`,
    key: KeyObject.from(keys.privateKey).export({ type: 'pkcs8', format: 'pem' }).toString(),
    privateKey: keys.privateKey,
  };
}
