import { syncBuiltinESMExports } from 'node:module';
import tls, {
  type ConnectionOptions,
  type SecureContext,
  type SecureContextOptions,
  type TLSSocket,
} from 'node:tls';

export interface PortMapping {
  hostName: string;
  /** From the port that an SDK insists on to the port that is listened on. */
  ports: Record<number, number>;
  certificateAuthorityPem: string;
}

type Connect = typeof tls.connect;

/**
 * The official SDKs hard-code 5671, 8883 and 443 and offer no place for a certificate authority.
 * For connections of this process to one host name, and for no other, this maps the port, trusts
 * the authority on top of what is trusted anyway, and switches Nagle's algorithm off (the SDKs write
 * small frames, which costs 40 ms hiccups on loopback).
 */
export function mapPorts(mapping: PortMapping): () => void {
  const { connect } = tls;
  const trust = trustIn(mapping.certificateAuthorityPem);
  const hostName = mapping.hostName.toLowerCase();
  let active = true;

  const mapped: Connect = (...parameters: unknown[]): TLSSocket => {
    const { options, listener } = readParameters(parameters);
    if (!active || hostOf(options) !== hostName) return Reflect.apply(connect, tls, parameters);
    const port = mapping.ports[Number(options.port)];
    const socket = connect(
      {
        ...options,
        ...(port === undefined ? {} : { port }),
        secureContext: trust(options),
      },
      listener,
    );
    socket.setNoDelay(true);
    return socket;
  };
  setConnect(mapped);

  return () => {
    active = false;
    // When another has wrapped ours since, ours stays in its chain and lets everything through.
    if (tls.connect === mapped) setConnect(connect);
  };
}

function setConnect(connect: Connect): void {
  tls.connect = connect;
  // Otherwise `import { connect } from 'node:tls'` would keep the old one.
  syncBuiltinESMExports();
}

/** tls.connect's own reading: (options), (port, host, options), (path, options), each with a listener. */
function readParameters(parameters: readonly unknown[]): {
  options: ConnectionOptions;
  listener?: () => void;
} {
  const options: ConnectionOptions = {};
  const [first, second] = parameters;
  if (isPortNumber(first)) {
    options.port = Number(first);
    if (typeof second === 'string') options.host = second;
  } else if (typeof first === 'string') {
    options.path = first;
  }
  const given = parameters.find((each) => typeof each === 'object' && each !== null);
  Object.assign(options, given);
  const last = parameters.at(-1);
  return isListener(last) ? { options, listener: last } : { options };
}

function isListener(value: unknown): value is () => void {
  return typeof value === 'function';
}

function isPortNumber(value: unknown): boolean {
  return typeof value === 'number' || (typeof value === 'string' && /^\d+$/.test(value));
}

function hostOf(options: ConnectionOptions): string | undefined {
  if (options.path) return undefined;
  // With a socket of the caller's own, some name only whom they expect at its far end.
  if (options.socket) return (options.host ?? options.servername)?.toLowerCase();
  return (options.host ?? 'localhost').toLowerCase();
}

const CONTEXT_OPTIONS: readonly (keyof SecureContextOptions)[] = [
  'ALPNCallback',
  'allowPartialTrustChain',
  'ca',
  'cert',
  'ciphers',
  'clientCertEngine',
  'crl',
  'dhparam',
  'ecdhCurve',
  'honorCipherOrder',
  'key',
  'maxVersion',
  'minVersion',
  'passphrase',
  'pfx',
  'privateKeyEngine',
  'privateKeyIdentifier',
  'secureOptions',
  'secureProtocol',
  'sessionIdContext',
  'sessionTimeout',
  'sigalgs',
  'ticketKeys',
];

/** The secure context for a connection's options, which trusts the authority in addition. */
function trustIn(certificateAuthorityPem: string): (options: ConnectionOptions) => SecureContext {
  const trusting = new WeakSet<SecureContext>();
  let plain: SecureContext | undefined;

  const add = (context: SecureContext): SecureContext => {
    if (!trusting.has(context)) addAuthority(context, certificateAuthorityPem);
    trusting.add(context);
    return context;
  };
  return (options) => {
    // A context cannot be copied: the caller's own learns to trust the authority for good.
    if (options.secureContext) return add(options.secureContext);
    if (CONTEXT_OPTIONS.some((name) => options[name] !== undefined)) {
      return add(tls.createSecureContext(options));
    }
    // Loading the public roots takes milliseconds; every plain connection shares one context.
    plain ??= add(tls.createSecureContext());
    return plain;
  };
}

function addAuthority(secureContext: SecureContext, pem: string): void {
  // Not in Node's documentation, but what tls.createSecureContext calls for each `ca`.
  const native: { addCACert(certificate: string): void } = secureContext.context;
  for (const certificate of pem.match(PEM_CERTIFICATE) ?? []) native.addCACert(certificate);
}

const PEM_CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;
