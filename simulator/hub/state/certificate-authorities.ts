import { X509Certificate } from 'node:crypto';
import type { Clock } from './clock.ts';
import { HubError } from './hub-error.ts';

/** A certificate whose holder may sign the certificates of devices. */
export interface CertificateAuthority {
  readonly name: string;
  readonly certificatePem: string;
  readonly createdAt: number;
}

/** https://learn.microsoft.com/rest/api/iothub/iot-hub-resource: the name of a certificate. */
const NAME = /^[A-Za-z0-9\-._]{1,64}$/;
/** https://learn.microsoft.com/azure/iot-hub/iot-hub-devguide-quotas-throttling#other-limits */
const MOST_AUTHORITIES = 25;

/** Those that the hub trusts. Coarser than the cloud: whoever may register one needs no proof that its key is theirs. */
export class CertificateAuthorities {
  readonly #clock: Clock;
  readonly #onChange: () => void;
  readonly #authorities = new Map<string, CertificateAuthority>();
  /** Parsing one takes longer than checking a signature with it. */
  readonly #certificates = new Map<string, X509Certificate>();

  constructor(clock: Clock, onChange: () => void = () => {}) {
    this.#clock = clock;
    this.#onChange = onChange;
  }

  /** Throws `argumentInvalid`. */
  put(name: string, certificatePem: string): CertificateAuthority {
    if (!NAME.test(name))
      throw invalid(`its name must be 1 to 64 letters, digits, '-', '.' and '_'`);
    if (!this.#authorities.has(name) && this.#authorities.size >= MOST_AUTHORITIES)
      throw invalid(`a hub has at most ${MOST_AUTHORITIES} of them`);
    this.#certificates.set(name, parse(certificatePem));
    const authority = { name, certificatePem, createdAt: this.#clock.now() };
    this.#authorities.set(name, authority);
    this.#onChange();
    return authority;
  }

  remove(name: string): boolean {
    this.#certificates.delete(name);
    const isRemoved = this.#authorities.delete(name);
    if (isRemoved) this.#onChange();
    return isRemoved;
  }

  list(): CertificateAuthority[] {
    return [...this.#authorities.values()];
  }

  certificates(): X509Certificate[] {
    return [...this.#certificates.values()];
  }

  replace(authorities: readonly CertificateAuthority[]): void {
    const certificates = authorities.map(({ certificatePem }) => parse(certificatePem));
    this.#authorities.clear();
    this.#certificates.clear();
    for (const [place, authority] of authorities.entries()) {
      const certificate = certificates[place];
      this.#authorities.set(authority.name, authority);
      if (certificate) this.#certificates.set(authority.name, certificate);
    }
  }
}

function parse(pem: string): X509Certificate {
  let certificate: X509Certificate;
  try {
    certificate = new X509Certificate(pem);
  } catch {
    throw invalid('it must be one certificate in PEM');
  }
  if (!certificate.ca) throw invalid('its basic constraints do not let it sign certificates');
  return certificate;
}

function invalid(what: string): HubError {
  return new HubError('argumentInvalid', `Of a certificate authority: ${what}`);
}
