import { isIPv4 } from 'node:net';

/** Whether a host name or address always means this machine. */
export function isLoopbackHost(host: string): boolean {
  const name = host.toLowerCase().replace(/^\[(.*)\]$/, '$1');
  return (
    name === 'localhost' ||
    name.endsWith('.localhost') ||
    name === '::1' ||
    (isIPv4(name) && name.startsWith('127.'))
  );
}

/**
 * Whether a `Host` header names this machine. A page whose name was made to lead here (DNS rebinding)
 * sends its own name.
 */
export function isLoopbackHostHeader(header: string | undefined): boolean {
  const host = /^(\[[^\]]+\]|[^:]+)(?::\d+)?$/.exec(header ?? '')?.[1];
  return host !== undefined && isLoopbackHost(host);
}
