import { X509Certificate } from 'node:crypto';
import { z } from 'zod';
import { param } from '../https/route.ts';
import type { CertificateAuthority } from '../state/certificate-authorities.ts';
import { HubError } from '../state/hub-error.ts';
import { DONE, type AdminRoute } from './admin-route.ts';
import { parseBody } from './parse.ts';

const putSchema = z.strictObject({ certificatePem: z.string().min(1) });

/** The authorities whose certificates devices of the type certificateAuthority show. */
export const certificateRoutes: readonly AdminRoute[] = [
  {
    method: 'GET',
    path: '/certificates',
    handle: ({ state }) => ({
      status: 200,
      json: { items: state.certificateAuthorities.list().map(authorityJson) },
    }),
  },
  {
    method: 'PUT',
    path: '/certificates/{name}',
    handle: (request) => {
      const { certificatePem } = parseBody(request, putSchema);
      const { certificateAuthorities } = request.state;
      const authority = certificateAuthorities.put(param(request, 'name'), certificatePem);
      return { status: 200, json: authorityJson(authority) };
    },
  },
  {
    method: 'DELETE',
    path: '/certificates/{name}',
    handle: (request) => {
      const name = param(request, 'name');
      if (request.state.certificateAuthorities.remove(name)) return DONE;
      throw new HubError('notFound', `No certificate authority '${name}' is registered`);
    },
  },
];

function authorityJson({ name, certificatePem, createdAt }: CertificateAuthority): object {
  const { subject, fingerprint, validTo } = new X509Certificate(certificatePem);
  return {
    name,
    subject,
    thumbprint: fingerprint.replaceAll(':', ''),
    expiresAt: new Date(validTo).toISOString(),
    createdAt: new Date(createdAt).toISOString(),
  };
}
