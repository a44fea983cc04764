import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';

/** How to write a curl line that works as pasted. */
export interface ShellStyle {
  curl: string;
  quote: (text: string) => string;
  /** A JSON body as an argument; `name` is for a file, where it takes one. */
  json: (name: string, value: unknown) => string;
}

export function shellStyle(options: {
  platform: NodeJS.Platform;
  env: NodeJS.ProcessEnv;
  examplesFolder: string;
}): ShellStyle {
  const style = options.platform === 'win32' ? windowsStyle(options.examplesFolder) : posixStyle;
  return usesProxy(options.env) ? { ...style, curl: `${style.curl} --noproxy localhost` } : style;
}

const posixStyle: ShellStyle = {
  curl: 'curl',
  quote: quotePosix,
  json: (_, value) => quotePosix(JSON.stringify(value)),
};

function quotePosix(text: string): string {
  return `'${text.replaceAll("'", String.raw`'\''`)}'`;
}

/**
 * cmd, Windows PowerShell and PowerShell 7 agree on no way to write a quote inside quotes: JSON goes
 * by file. `curl` alone is an alias for something else in Windows PowerShell.
 */
function windowsStyle(examplesFolder: string): ShellStyle {
  return {
    curl: 'curl.exe',
    quote: (text) => `"${text}"`,
    json: (name, value) => {
      const file = path.join(examplesFolder, `${name}.json`);
      mkdirSync(examplesFolder, { recursive: true });
      writeFileSync(file, JSON.stringify(value));
      return `"@${file}"`;
    },
  };
}

/** The variables that curl obeys for http. */
function usesProxy(env: NodeJS.ProcessEnv): boolean {
  const { http_proxy: http, all_proxy: all, ALL_PROXY: allUpper } = env;
  return [http, all, allUpper].some((proxy) => proxy !== undefined && proxy !== '');
}
