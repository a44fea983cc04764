import { execFileSync } from 'node:child_process';

/** What a POSIX shell passes to curl for a line that is pasted into it. */
export function curlArguments(line: string): string[] {
  const shell = execFileSync('sh', ['-c', `curl() { printf '%s\\n' "$@"; }\n${line}`]);
  return shell.toString('utf8').trimEnd().split('\n');
}

/** Does what curl would do. */
export async function runCurl(line: string): Promise<{ status: number; body: unknown }> {
  const args = curlArguments(line);
  const headers: [string, string][] = [];
  let data: string | undefined;
  let url = '';
  let method: string | undefined;
  while (args.length > 0) {
    const arg = args.shift() ?? '';
    if (arg === '-H') headers.push(headerOf(args.shift() ?? ''));
    else if (arg === '-d') data = args.shift();
    else if (arg === '-X') method = args.shift();
    else if (arg === '--noproxy') args.shift();
    else url = arg;
  }
  const response = await fetch(url, {
    method: method ?? (data === undefined ? 'GET' : 'POST'),
    headers,
    ...(data !== undefined && { body: data }),
  });
  return { status: response.status, body: await response.json() };
}

function headerOf(text: string): [string, string] {
  const [name = '', ...value] = text.split(': ');
  return [name, value.join(': ')];
}
