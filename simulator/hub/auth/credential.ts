import type { ClientCertificate } from './client-certificate.ts';

/** What a client shows: a token as it came, or the certificate of its TLS connection. */
export type Credential = string | ClientCertificate;
