import { HubError } from '../state/hub-error.ts';
import { DATA_ACTION_PREFIX, type DataAction } from './data-actions.ts';
import {
  entraSettingsSchema,
  type EntraSettings,
  type EntraSettingsInput,
} from './entra-settings.ts';
import { allows, findRole } from './roles.ts';

/** Who a verified token was made out to. */
export class EntraPrincipal {
  readonly objectId: string;
  readonly expiresAt: number;

  constructor(objectId: string, expiresAt: number) {
    this.objectId = objectId;
    this.expiresAt = expiresAt;
  }
}

/** Those that Entra signs with; none that is made with a shared secret. */
const ALGORITHMS = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384'];

/** What the hub knows of Entra: whose tokens it takes, and who may do what. */
export class EntraTenant {
  readonly #wallClock: () => number;
  #settings: EntraSettings | undefined;

  /** Throws a ZodError that names every fault of the settings. */
  constructor(wallClock: () => number, settings?: EntraSettingsInput) {
    this.#wallClock = wallClock;
    this.replace(settings);
  }

  get settings(): EntraSettings | undefined {
    return this.#settings;
  }

  get isLocalAuthDisabled(): boolean {
    return this.#settings?.disableLocalAuth ?? false;
  }

  /** From now on: keys and role assignments of earlier ones count no more. */
  replace(settings: EntraSettingsInput | undefined): void {
    this.#settings = settings && entraSettingsSchema.parse(settings);
  }

  /** `token` without `Bearer`; throws `unauthorized` or `tokenExpired`. */
  async verify(token: string): Promise<EntraPrincipal> {
    const settings = this.#settings;
    if (!settings) throw new HubError('unauthorized', 'The hub was given no Entra settings');
    // Most hubs never see such a token.
    const { createLocalJWKSet, errors, jwtVerify } = await import('jose');
    try {
      const { payload } = await jwtVerify(token, createLocalJWKSet({ keys: settings.keys }), {
        issuer: settings.issuers,
        audience: settings.audiences,
        algorithms: ALGORITHMS,
        requiredClaims: ['exp', 'oid'],
        currentDate: new Date(this.#wallClock()),
      });
      return new EntraPrincipal(String(payload['oid']), (payload.exp ?? 0) * 1000);
    } catch (error) {
      if (error instanceof errors.JWTExpired) throw new HubError('tokenExpired');
      if (!(error instanceof errors.JOSEError)) throw error;
      throw new HubError('unauthorized', `The token is not valid: ${error.message}`);
    }
  }

  /** Throws `principalUnauthorized`. */
  checkMay({ objectId }: EntraPrincipal, action: DataAction, path: readonly string[]): void {
    const patterns = (this.#settings?.roleAssignments ?? [])
      .filter(({ principalId }) => principalId === objectId)
      .flatMap(({ role, dataActions }) => dataActions ?? findRole(role ?? '')?.dataActions ?? []);
    if (patterns.some((pattern) => allows(pattern, action))) return;
    throw new HubError(
      'principalUnauthorized',
      `Principal ${objectId} is not authorized for ${DATA_ACTION_PREFIX}${action} on /${path.join('/')} due to no assigned permissions`,
    );
  }
}
