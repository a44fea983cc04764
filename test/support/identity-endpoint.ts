import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

interface IdentityRequest {
  readonly resource: string | null;
  readonly clientId: string | null;
  readonly secret: string | undefined;
}

/** What it answers: a token, or an HTTP status. */
type Issue = (request: IdentityRequest) => Promise<{ token: string; expiresAt: number } | number>;

const SECRET = 'secret-of-the-identity-endpoint';

/**
 * What App Service offers an app for its managed identities.
 * https://learn.microsoft.com/azure/app-service/overview-managed-identity#rest-endpoint-reference
 */
export async function startIdentityEndpoint(issue: Issue) {
  const requests: IdentityRequest[] = [];
  const server = createServer((request, response) => void answer(request, response));

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { searchParams } = new URL(request.url ?? '/', 'http://localhost');
    const asked = {
      resource: searchParams.get('resource'),
      clientId: searchParams.get('client_id'),
      secret: request.headers['x-identity-header']?.toString(),
    };
    requests.push(asked);
    const issued = await issue(asked);
    const isRefused = typeof issued === 'number';
    response.writeHead(isRefused ? issued : 200, { 'content-type': 'application/json' });
    response.end(
      JSON.stringify(
        isRefused
          ? { statusCode: issued, message: 'No identity' }
          : {
              access_token: issued.token,
              expires_on: String(Math.floor(issued.expiresAt / 1000)),
              resource: asked.resource,
              token_type: 'Bearer',
              client_id: asked.clientId,
            },
      ),
    );
  }

  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    requests,
    /** What App Service sets for the app. */
    environment: {
      IDENTITY_ENDPOINT: `http://127.0.0.1:${port}/msi/token`,
      IDENTITY_HEADER: SECRET,
    },
    async stop() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
