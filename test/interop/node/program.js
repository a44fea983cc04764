// The line protocol, for every program on Node: verbs by name, each an async function of its parameters.
import { createRequire } from 'node:module';
import { createInterface } from 'node:readline';

/** Of an installed package. */
export function versionOf(name) {
  return createRequire(import.meta.url)(`${name}/package.json`).version;
}

export async function serve(verbs) {
  for await (const line of createInterface(process.stdin)) {
    const { verb, ...parameters } = JSON.parse(line);
    process.stdout.write(`${JSON.stringify(await answer(verbs[verb], parameters))}\n`);
  }
  process.exit();
}

async function answer(verb, parameters) {
  if (!verb) return { absent: 'the SDK has no such call' };
  try {
    return { value: (await verb(parameters)) ?? null };
  } catch (error) {
    if (error.name === 'NotImplementedError') return { absent: error.message };
    return { error: { name: error.name, message: `${error.message} ${error.responseBody ?? ''}` } };
  }
}

/** What came, for those who ask for it later; whoever asks before it came waits. */
export class Inbox {
  #items = [];
  #waiting = [];

  put(item) {
    const next = this.#waiting.shift();
    if (next) next(item);
    else this.#items.push(item);
  }

  take() {
    if (this.#items.length > 0) return this.#items.shift();
    return new Promise((resolve) => this.#waiting.push(resolve));
  }
}
