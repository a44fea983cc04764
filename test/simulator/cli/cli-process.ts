import { spawn, type ChildProcess } from 'node:child_process';
import path from 'node:path';
import { createInterface } from 'node:readline';

const bin = path.resolve(import.meta.dirname, '../../../simulator/bin/downlink.js');
const anyPorts = {
  DOWNLINK_PORT: '0',
  DOWNLINK_HUB_AMQP_PORT: '0',
  DOWNLINK_HUB_MQTT_PORT: '0',
  DOWNLINK_HUB_HTTPS_PORT: '0',
};
const TIMEOUT_MS = 20_000;

/** The command line as a user runs it, on free ports unless told otherwise. */
export class CliProcess {
  readonly lines: string[] = [];
  readonly exitCode: Promise<number | null>;
  readonly #child: ChildProcess;
  #onLine: () => void = () => {};

  constructor(args: string[], options: { cwd?: string; env?: NodeJS.ProcessEnv } = {}) {
    this.#child = spawn(process.execPath, [bin, ...args], {
      cwd: options.cwd,
      env: { ...process.env, ...anyPorts, ...options.env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      if (stream === null) continue;
      createInterface({ input: stream }).on('line', (line) => {
        this.lines.push(line);
        this.#onLine();
      });
    }
    this.exitCode = new Promise((resolve) => {
      this.#child.once('close', (code) => {
        this.#onLine();
        resolve(code);
      });
    });
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  get output(): string {
    return this.lines.join('\n');
  }

  /** The first match's first group, once it is printed. */
  async printed(pattern: RegExp): Promise<string> {
    const deadline = Date.now() + TIMEOUT_MS;
    for (;;) {
      const match = pattern.exec(this.output);
      if (match !== null) return match[1] ?? match[0];
      if (this.#child.exitCode !== null || Date.now() > deadline) {
        throw new Error(`${String(pattern)} was not printed:\n${this.output}`);
      }
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, TIMEOUT_MS);
        this.#onLine = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  }

  async end(signal: NodeJS.Signals = 'SIGTERM'): Promise<number | null> {
    this.#child.kill(signal);
    return this.exitCode;
  }
}
