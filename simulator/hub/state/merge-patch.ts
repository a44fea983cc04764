export type JsonObject = Readonly<Record<string, unknown>>;

export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Values, and beside each when it was last written. */
export interface Annotated {
  readonly values: JsonObject;
  readonly metadata: JsonObject;
}

/** RFC 7396: null deletes, objects merge, anything else replaces. Whatever the patch touches gets the stamp. */
export function mergePatch(target: Annotated, patch: JsonObject, stamp: JsonObject): Annotated {
  // Maps, because a member may be named __proto__.
  const values = new Map(Object.entries(target.values));
  const metadata = new Map(Object.entries(target.metadata));
  for (const [name, value] of Object.entries(patch)) {
    if (value === null) {
      values.delete(name);
      metadata.delete(name);
    } else if (isJsonObject(value)) {
      const isMerge = isJsonObject(values.get(name));
      const below = {
        values: isMerge ? objectOf(values.get(name)) : {},
        metadata: isMerge ? objectOf(metadata.get(name)) : {},
      };
      const merged = mergePatch(below, value, stamp);
      values.set(name, merged.values);
      metadata.set(name, merged.metadata);
    } else {
      values.set(name, value);
      metadata.set(name, stamp);
    }
  }
  return {
    values: Object.fromEntries(values),
    metadata: { ...Object.fromEntries(metadata), ...stamp },
  };
}

/** The patch that makes the one into the other. */
export function patchBetween(from: JsonObject, to: JsonObject): JsonObject {
  const source = new Map(Object.entries(from));
  const wanted = new Map(Object.entries(to));
  const removed = [...source.keys()].filter((name) => !wanted.has(name));
  return Object.fromEntries([
    ...removed.map((name): [string, unknown] => [name, null]),
    ...[...wanted].map(([name, value]): [string, unknown] => {
      const current = source.get(name);
      const isMerge = isJsonObject(current) && isJsonObject(value);
      return [name, isMerge ? patchBetween(current, value) : value];
    }),
  ]);
}

function objectOf(value: unknown): JsonObject {
  return isJsonObject(value) ? value : {};
}
