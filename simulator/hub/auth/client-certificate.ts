import { X509Certificate } from 'node:crypto';
import type { Socket } from 'node:net';
import { TLSSocket, type DetailedPeerCertificate } from 'node:tls';

/** What a client showed in the TLS handshake: its own certificate, then those that it sent along. */
export class ClientCertificate {
  readonly leaf: X509Certificate;
  readonly intermediates: readonly X509Certificate[];

  constructor(leaf: X509Certificate, intermediates: readonly X509Certificate[] = []) {
    this.leaf = leaf;
    this.intermediates = intermediates;
  }

  /** Milliseconds since the epoch. */
  get expiresAt(): number {
    return Date.parse(this.leaf.validTo);
  }

  get commonName(): string | undefined {
    return /^CN=(.*)$/m.exec(this.leaf.subject)?.[1];
  }

  isValidAt(now: number): boolean {
    return isValidAt(this.leaf, now);
  }

  /** Whether one of these is the hash of the certificate: SHA-1 or SHA-256, in hexadecimal. */
  hasThumbprint(thumbprints: readonly (string | undefined)[]): boolean {
    const { fingerprint, fingerprint256 } = this.leaf;
    const own = new Set([fingerprint, fingerprint256].map(hexadecimal));
    return thumbprints.some((each) => each !== undefined && own.has(hexadecimal(each)));
  }

  /** Whether one of these authorities signed it, or signed whoever signed it. */
  isIssuedBelow(authorities: readonly X509Certificate[], now: number): boolean {
    let current = this.leaf;
    for (let depth = 0; depth <= this.intermediates.length; depth++) {
      if (authorities.some((authority) => isIssuedBy(current, authority, now))) return true;
      const issuer = this.intermediates.find((each) => each.ca && isIssuedBy(current, each, now));
      if (!issuer) return false;
      current = issuer;
    }
    return false;
  }
}

/** A resumed TLS session tells of its first certificate only: these are those that came along, by its hash. */
const knownIntermediates = new Map<string, readonly X509Certificate[]>();
const MOST_KNOWN = 1000;

/** Undefined if the socket is not TLS's or its client showed none. Not cheap: ask for it only when it is needed. */
export function clientCertificateOf(socket: Socket): ClientCertificate | undefined {
  if (!(socket instanceof TLSSocket)) return undefined;
  const [leaf, ...intermediates] = chainOf(socket);
  if (!leaf) return undefined;
  const { fingerprint256 } = leaf;
  if (socket.isSessionReused())
    return new ClientCertificate(leaf, knownIntermediates.get(fingerprint256));
  if (intermediates.length > 0) remember(fingerprint256, intermediates);
  return new ClientCertificate(leaf, intermediates);
}

function chainOf(socket: TLSSocket): X509Certificate[] {
  const chain: X509Certificate[] = [];
  let peer: DetailedPeerCertificate | undefined = socket.getPeerCertificate(true);
  // A root is its own issuer; without any certificate the object is empty.
  while (peer?.raw && !chain.some(({ raw }) => peer?.raw.equals(raw))) {
    chain.push(new X509Certificate(peer.raw));
    peer = peer.issuerCertificate;
  }
  return chain;
}

function remember(fingerprint256: string, intermediates: readonly X509Certificate[]): void {
  knownIntermediates.delete(fingerprint256);
  knownIntermediates.set(fingerprint256, intermediates);
  const [oldest] = knownIntermediates.keys();
  if (knownIntermediates.size > MOST_KNOWN && oldest !== undefined)
    knownIntermediates.delete(oldest);
}

function isIssuedBy(certificate: X509Certificate, issuer: X509Certificate, now: number): boolean {
  return (
    certificate.checkIssued(issuer) &&
    isValidAt(issuer, now) &&
    certificate.verify(issuer.publicKey)
  );
}

function isValidAt({ validFrom, validTo }: X509Certificate, now: number): boolean {
  return Date.parse(validFrom) <= now && now < Date.parse(validTo);
}

function hexadecimal(thumbprint: string): string {
  return thumbprint.replaceAll(':', '').toLowerCase();
}
