const ESCAPED = /(?:%[0-9a-f]{2})+/gi;
const SLASH = /(%2f)/i;

/** The segments of a path as ASP.NET decodes them: once, but neither %2F nor what is no UTF-8. */
export function decodePath(path: string): string[] {
  return path
    .replace(/^\//, '')
    .split('/')
    .map((segment) => segment.replaceAll(ESCAPED, decodeEscaped));
}

function decodeEscaped(escaped: string): string {
  return escaped
    .split(SLASH)
    .map((part) => (SLASH.test(part) ? part : decodeUtf8(part)))
    .join('');
}

function decodeUtf8(escaped: string): string {
  try {
    return decodeURIComponent(escaped);
  } catch {
    return decodeAround(escaped);
  }
}

const MAX_UTF8_BYTES = 4;

/** What is no UTF-8 stays as it is, but its neighbours are decoded. */
function decodeAround(escaped: string): string {
  for (let bytes = MAX_UTF8_BYTES; bytes > 0; bytes--) {
    const head = escaped.slice(0, bytes * 3);
    try {
      return decodeURIComponent(head) + decodeUtf8(escaped.slice(head.length));
    } catch {
      // A shorter beginning may be a character.
    }
  }
  return escaped.slice(0, 3) + decodeUtf8(escaped.slice(3));
}
