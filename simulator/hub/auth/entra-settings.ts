import { z } from 'zod';
import { findRole, ROLE_NAMES } from './roles.ts';

/** The resource that back ends ask for tokens to. */
const AUDIENCE = 'https://iothubs.azure.net';

const publicKey = z
  .looseObject({ kty: z.string() })
  .refine((key) => !('d' in key) && !('k' in key), 'must be a public key');

const roleAssignment = z
  .strictObject({
    /** The object id (`oid`) of the user or service principal. */
    principalId: z.string().min(1),
    /** Of a built-in role: its name or id. */
    role: z
      .string()
      .refine((role) => findRole(role) !== undefined, {
        error: `must be the id or name of a built-in role: ${ROLE_NAMES.join(', ')}`,
      })
      .optional(),
    /** Those of a custom role, as in its definition. */
    dataActions: z.array(z.string().min(1)).min(1).optional(),
  })
  .refine(({ role, dataActions }) => (role === undefined) !== (dataActions === undefined), {
    error: 'must have either a role or dataActions',
  });

export const entraSettingsSchema = z.strictObject({
  /** Each as it is in the tokens' `iss`. */
  issuers: z.array(z.string().min(1)).min(1),
  audiences: z
    .array(z.string().min(1))
    .min(1)
    .default([AUDIENCE, `${AUDIENCE}/`]),
  /** A JWK set: the public keys whose owner may sign tokens. */
  keys: z.array(publicKey).min(1),
  roleAssignments: z.array(roleAssignment).default([]),
  /** No back end may use a shared access policy any more. Devices and the admin API may. */
  disableLocalAuth: z.boolean().default(false),
});

export type EntraSettings = z.output<typeof entraSettingsSchema>;
export type EntraSettingsInput = z.input<typeof entraSettingsSchema>;
