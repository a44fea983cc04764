import { openApiDocument } from './openapi/document.ts';
import { NO_PARAMETERS, parseRequest, requestParts } from './parse-request.ts';
import type { Route } from './route.ts';

/** `GET /api/openapi.json`. The document is made at its first call, so that no other call pays for it. */
export function getOpenApiRoute(): Route {
  let text: string | undefined;
  return async (request) => {
    parseRequest(NO_PARAMETERS, requestParts(request));
    text ??= JSON.stringify(openApiDocument());
    return {
      headers: { 'content-type': 'application/json', 'cache-control': 'max-age=300' },
      body: text,
    };
  };
}
