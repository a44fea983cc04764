const LOOPBACK = ['localhost', '127.0.0.1', '::1'];

/** Proxies are for the world outside: what we start talks to this machine. */
export function withoutProxyForLoopback(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const { NO_PROXY: upper, no_proxy: lower } = env;
  // Programs read only one of the two: what stands in just one of them counts for both.
  return {
    ...env,
    NO_PROXY: withLoopback(upper ?? lower ?? ''),
    no_proxy: withLoopback(lower ?? upper ?? ''),
  };
}

function withLoopback(list: string): string {
  const hosts = list
    .split(',')
    .map((host) => host.trim())
    .filter((host) => host !== '');
  return hosts.includes('*') ? '*' : [...new Set([...hosts, ...LOOPBACK])].join(',');
}
