import type { TokenCredential } from './hub-tokens.ts';

/** The identity that Azure gave this app: the user-assigned one of this client id, or the system-assigned one. */
export function managedIdentity(clientId: string | undefined): TokenCredential {
  let loading: Promise<TokenCredential> | undefined;
  async function load(): Promise<TokenCredential> {
    // Locally, with a connection string, nobody waits for it to load.
    const { ManagedIdentityCredential } = await import('@azure/identity');
    return clientId === undefined
      ? new ManagedIdentityCredential()
      : new ManagedIdentityCredential({ clientId });
  }
  return {
    async getToken(scopes) {
      loading ??= load();
      return (await loading).getToken(scopes);
    },
  };
}
