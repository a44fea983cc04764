import type { ClientCertificate } from './client-certificate.ts';
import type { EntraPrincipal } from './entra-tenant.ts';

/** What a client shows: a shared access signature as it came, the certificate of its TLS connection, or whom Entra says it is. */
export type Credential = string | ClientCertificate | EntraPrincipal;
