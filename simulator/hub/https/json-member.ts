const WHITESPACE = ' \t\n\r';

/**
 * The text of a member of a JSON object as it was sent: numbers beyond double precision and spaces included,
 * which parsing and printing would change. The text must be valid JSON of an object.
 */
export function jsonMember(text: string, name: string): string | undefined {
  let found: string | undefined;
  let position = text.indexOf('{') + 1;
  for (;;) {
    position = skipWhitespace(text, position);
    if (text[position] !== '"') return found;
    const keyEnd = endOfString(text, position);
    const key: unknown = JSON.parse(text.slice(position, keyEnd));
    const colon = skipWhitespace(text, keyEnd);
    const start = skipWhitespace(text, colon + 1);
    const end = endOfValue(text, start);
    // The last one counts, as for JSON.parse.
    if (key === name) found = text.slice(start, end).trimEnd();
    position = end + 1;
  }
}

/** The place of the comma or the brace after the value. */
function endOfValue(text: string, start: number): number {
  let depth = 0;
  for (let position = start; position < text.length; position++) {
    const character = text[position];
    if (character === '"') position = endOfString(text, position) - 1;
    else if (character === '{' || character === '[') depth++;
    else if (depth === 0 && (character === ',' || character === '}')) return position;
    else if (character === '}' || character === ']') depth--;
  }
  return text.length;
}

/** The place after the closing quotation mark. */
function endOfString(text: string, start: number): number {
  let position = start + 1;
  while (position < text.length && text[position] !== '"')
    position += text[position] === '\\' ? 2 : 1;
  return position + 1;
}

function skipWhitespace(text: string, start: number): number {
  let position = start;
  while (position < text.length && WHITESPACE.includes(text[position] ?? '')) position++;
  return position;
}
