import { createHash, randomBytes, sign, type KeyObject } from 'node:crypto';
import { isIP, SocketAddress } from 'node:net';
import {
  bitString,
  boolean,
  explicit,
  implicit,
  integer,
  objectIdentifier,
  octetString,
  sequence,
  set,
  time,
  utf8String,
} from './der.ts';

export interface CertificateRequest {
  readonly commonName: string;
  readonly publicKey: KeyObject;
  readonly notBefore: number;
  readonly notAfter: number;
  readonly issuer: { readonly commonName: string; readonly privateKey: KeyObject };
  /** The authority's key, to tell it from others of the same name. */
  readonly issuerPublicKey: KeyObject;
  /** What the certificate is for: to sign others, or to serve these names and addresses. */
  readonly use: 'authority' | { readonly names: readonly string[] };
}

const ECDSA_WITH_SHA256 = sequence(objectIdentifier('1.2.840.10045.4.3.2'));
const COMMON_NAME = '2.5.4.3';
const SUBJECT_KEY_IDENTIFIER = '2.5.29.14';
const KEY_USAGE = '2.5.29.15';
const SUBJECT_ALTERNATIVE_NAME = '2.5.29.17';
const BASIC_CONSTRAINTS = '2.5.29.19';
const AUTHORITY_KEY_IDENTIFIER = '2.5.29.35';
const EXTENDED_KEY_USAGE = '2.5.29.37';
const SERVER_AUTHENTICATION = '1.3.6.1.5.5.7.3.1';

/** RFC 5280 §4.1, signed with ECDSA and SHA-256; PEM. */
export function signCertificate(request: CertificateRequest): string {
  const { issuer, use } = request;
  const toBeSigned = sequence(
    explicit(0, integer(Buffer.from([2]))),
    integer(randomBytes(16)),
    ECDSA_WITH_SHA256,
    name(issuer.commonName),
    sequence(time(request.notBefore), time(request.notAfter)),
    name(request.commonName),
    spki(request.publicKey),
    explicit(
      3,
      sequence(
        extension(SUBJECT_KEY_IDENTIFIER, octetString(keyIdentifier(request.publicKey))),
        extension(
          AUTHORITY_KEY_IDENTIFIER,
          sequence(implicit(0, keyIdentifier(request.issuerPublicKey))),
        ),
        ...(use === 'authority' ? authorityExtensions() : serverExtensions(use.names)),
      ),
    ),
  );
  const signature = sign('sha256', toBeSigned, issuer.privateKey);
  return pem(sequence(toBeSigned, ECDSA_WITH_SHA256, bitString(signature)));
}

function authorityExtensions(): Buffer[] {
  return [
    criticalExtension(BASIC_CONSTRAINTS, sequence(boolean(true), integer(Buffer.from([0])))),
    // RFC 5280 §4.2.1.3: keyCertSign is bit 5.
    criticalExtension(KEY_USAGE, bitString(Buffer.from([0b0000_0100]), 2)),
  ];
}

function serverExtensions(names: readonly string[]): Buffer[] {
  return [
    criticalExtension(BASIC_CONSTRAINTS, sequence()),
    // digitalSignature is bit 0.
    criticalExtension(KEY_USAGE, bitString(Buffer.from([0b1000_0000]), 7)),
    extension(EXTENDED_KEY_USAGE, sequence(objectIdentifier(SERVER_AUTHENTICATION))),
    extension(SUBJECT_ALTERNATIVE_NAME, sequence(...names.map(generalName))),
  ];
}

/** RFC 5280 §4.2.1.6 */
function generalName(host: string): Buffer {
  return isIP(host) ? implicit(7, addressBytes(host)) : implicit(2, Buffer.from(host, 'ascii'));
}

function addressBytes(address: string): Buffer {
  if (isIP(address) === 4) return Buffer.from(address.split('.').map(Number));
  const canonical = new SocketAddress({ address, family: 'ipv6' }).address;
  const [head = '', tail = ''] = canonical.split('::').map((half) => half);
  const left = head === '' ? [] : head.split(':');
  const right = tail === '' ? [] : tail.split(':');
  const zeros = Array.from({ length: 8 - left.length - right.length }, () => '0');
  return Buffer.from(
    [...left, ...zeros, ...right].map((group) => group.padStart(4, '0')).join(''),
    'hex',
  );
}

function name(commonName: string): Buffer {
  return sequence(set(sequence(objectIdentifier(COMMON_NAME), utf8String(commonName))));
}

function extension(id: string, value: Buffer): Buffer {
  return sequence(objectIdentifier(id), octetString(value));
}

function criticalExtension(id: string, value: Buffer): Buffer {
  return sequence(objectIdentifier(id), boolean(true), octetString(value));
}

function spki(publicKey: KeyObject): Buffer {
  return publicKey.export({ type: 'spki', format: 'der' });
}

/** Any value that is unique to the key (RFC 5280 §4.2.1.2): a hash of it. */
function keyIdentifier(publicKey: KeyObject): Buffer {
  return createHash('sha256').update(spki(publicKey)).digest().subarray(0, 20);
}

function pem(der: Buffer): string {
  const lines = der.toString('base64').match(/.{1,64}/g) ?? [];
  return ['-----BEGIN CERTIFICATE-----', ...lines, '-----END CERTIFICATE-----', ''].join('\n');
}
