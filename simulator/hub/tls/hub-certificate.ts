import { KeyObject } from 'node:crypto';
import { isIP } from 'node:net';
// oxlint-disable-next-line import/no-unassigned-import -- @peculiar/x509 needs what it adds to Reflect
import 'reflect-metadata';
import {
  AuthorityKeyIdentifierExtension,
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  KeyUsageFlags,
  KeyUsagesExtension,
  SubjectAlternativeNameExtension,
  SubjectKeyIdentifierExtension,
  X509CertificateGenerator,
} from '@peculiar/x509';
import { certificateNames } from './certificate-names.ts';

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

const KEY_ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256' };
const IS_CRITICAL = true;

/** Makes an authority and the hub's certificate. No one can sign with this authority again: its key ends with this call. */
export async function newHubCertificate(hostName: string, now: number): Promise<HubCertificate> {
  const [authority, leaf] = await Promise.all([newKeys(false), newKeys(true)]);
  const issuer = [{ CN: [`Downlink simulated IoT Hub ${new Date(now).toISOString()}`] }];
  const shared = {
    issuer,
    signingKey: authority.privateKey,
    notBefore: new Date(now - BACKDATED_MS),
    notAfter: new Date(now + LIFETIME_MS),
  };
  const authorityKeyIdentifier = await AuthorityKeyIdentifierExtension.create(authority.publicKey);
  const ca = await X509CertificateGenerator.create({
    ...shared,
    subject: issuer,
    publicKey: authority.publicKey,
    extensions: [
      await SubjectKeyIdentifierExtension.create(authority.publicKey),
      authorityKeyIdentifier,
      new BasicConstraintsExtension(true, 0, IS_CRITICAL),
      new KeyUsagesExtension(KeyUsageFlags.keyCertSign, IS_CRITICAL),
    ],
  });
  const cert = await X509CertificateGenerator.create({
    ...shared,
    subject: [{ CN: ['Simulated IoT Hub'] }],
    publicKey: leaf.publicKey,
    extensions: [
      await SubjectKeyIdentifierExtension.create(leaf.publicKey),
      authorityKeyIdentifier,
      new BasicConstraintsExtension(false, undefined, IS_CRITICAL),
      new KeyUsagesExtension(KeyUsageFlags.digitalSignature, IS_CRITICAL),
      new ExtendedKeyUsageExtension([ExtendedKeyUsage.serverAuth]),
      new SubjectAlternativeNameExtension(
        certificateNames(hostName).map((value) => ({ type: isIP(value) ? 'ip' : 'dns', value })),
      ),
    ],
  });
  const key = KeyObject.from(leaf.privateKey).export({ type: 'pkcs8', format: 'pem' }).toString();
  const caPem = `${ca.toString('pem')}\n`;
  return { key, cert: `${cert.toString('pem')}\n${caPem}`, ca: caPem };
}

async function newKeys(isExtractable: boolean) {
  return crypto.subtle.generateKey(KEY_ALGORITHM, isExtractable, ['sign', 'verify']);
}
