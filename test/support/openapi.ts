import { Ajv2020 } from 'ajv/dist/2020.js';

interface OpenApiOperation {
  readonly operationId: string;
  readonly parameters?: readonly {
    readonly name: string;
    readonly in: 'path' | 'query' | 'header';
    readonly required: boolean;
    readonly schema: Record<string, unknown>;
    readonly example?: string | number;
  }[];
  readonly requestBody?: {
    readonly content: {
      readonly 'application/json': {
        readonly schema: Record<string, unknown>;
        readonly examples: Readonly<Record<string, { readonly value: unknown }>>;
      };
    };
  };
  readonly responses: Readonly<
    Record<
      string,
      {
        readonly headers?: Readonly<Record<string, unknown>>;
        readonly content?: Readonly<Record<string, { readonly schema: unknown }>>;
      }
    >
  >;
  readonly security?: readonly unknown[];
}

export interface OpenApiDocument {
  readonly paths: Readonly<Record<string, Readonly<Record<string, OpenApiOperation>>>>;
  readonly components: {
    readonly schemas: Readonly<Record<string, unknown>>;
    readonly responses: Readonly<Record<string, unknown>>;
  };
}

interface ActualAnswer {
  readonly method: string;
  /** With its parameters filled in, and the query. */
  readonly route: string;
  readonly status: number;
  readonly headers: Headers;
  /** Parsed if it is JSON; undefined if there is none. */
  readonly body: unknown;
}

/** Says what about an answer is not as the document says; undefined if all is. */
export function documentChecker(
  document: OpenApiDocument,
): (answer: ActualAnswer) => string | undefined {
  const ajv = new Ajv2020({ strict: false, validateFormats: false, allErrors: true });
  ajv.addSchema(document, 'document');
  const paths = Object.keys(document.paths).map((path) => ({
    path,
    pattern: new RegExp(`^${path.replaceAll('.', '\\.').replaceAll(/\{\w+\}/g, '[^/]+')}$`),
  }));

  return ({ method, route, status, headers, body }) => {
    const where = `${method} ${route} answered ${status}`;
    const [plainRoute = ''] = route.split('?', 1);
    const path = paths.find(({ pattern }) => pattern.test(plainRoute))?.path;
    // The host answers what is no path of ours.
    if (path === undefined && status === 404 && body === undefined) return undefined;
    if (path === undefined) return `${where}, and the document has no such path`;
    const operation = document.paths[path]?.[method.toLowerCase()];
    const isMethodUnknown = operation === undefined;
    // The host refuses wrong keys before the app sees the request.
    if (status === 401 && body === undefined) return undefined;
    const pointer = isMethodUnknown
      ? `/components/responses/MethodNotAllowed`
      : `/paths/${escaped(path)}/${method.toLowerCase()}/responses/${status}`;
    const response = isMethodUnknown
      ? (document.components.responses['MethodNotAllowed'] as OpenApiOperation['responses'][string])
      : operation.responses[String(status)];
    if (response === undefined) {
      return `${where} ${JSON.stringify(body)}, which the document does not have: see functions/http/openapi/operations.ts`;
    }
    if (response.content === undefined) {
      return body === undefined ? undefined : `${where} with a body, and the document has none`;
    }
    const type = headers.get('content-type')?.split(';', 1)[0] ?? '';
    if (!Object.hasOwn(response.content, type)) {
      return `${where} with '${type}', which the document does not have`;
    }
    if (type === 'text/event-stream') return undefined;
    const validate = ajv.getSchema(`document#${pointer}/content/${escaped(type)}/schema`);
    if (!validate) return `the document has no schema at ${pointer}`;
    if (validate(body)) return undefined;
    return `${where} with what the document does not have: ${ajv.errorsText(validate.errors)}\n${JSON.stringify(body)}`;
  };
}

/** RFC 6901, in a URI fragment. */
function escaped(name: string): string {
  return encodeURIComponent(name.replaceAll('~', '~0').replaceAll('/', '~1'));
}
