import type { Clock } from './clock.ts';
import type { DeviceRegistry } from './device-registry.ts';
import { HubError } from './hub-error.ts';
import { identityKey } from './identity-key.ts';
import { ifMatchHolds } from './if-match.ts';
import { MAX_TWIN_PROPERTIES_BYTES, MAX_TWIN_TAGS_BYTES } from './limits.ts';
import { type Annotated, type JsonObject, mergePatch, patchBetween } from './merge-patch.ts';
import { checkTwinPatch, twinSizeInBytes } from './twin-format.ts';

/** The service's way to say never. */
export const NEVER = '0001-01-01T00:00:00Z';

export interface TwinProperties extends Annotated {
  readonly version: number;
}

export interface Twin {
  /** Counts what the back end changed; the ETag is made of it. */
  readonly revision: number;
  /** Counts every change. */
  readonly version: number;
  readonly tags: JsonObject;
  readonly desired: TwinProperties;
  readonly reported: TwinProperties;
}

/** What the back end may write; null clears. */
export interface TwinChange {
  readonly tags?: JsonObject | null | undefined;
  readonly desired?: JsonObject | null | undefined;
}

export interface DesiredChange {
  /** To be merged into what the device knows. */
  readonly patch: JsonObject;
  readonly version: number;
}

export type TwinsSnapshot = readonly { readonly deviceId: string; readonly twin: Twin }[];

const UNTOUCHED: TwinProperties = { values: {}, metadata: { $lastUpdated: NEVER }, version: 1 };
const NEW_TWIN: Twin = {
  revision: 1,
  version: 2,
  tags: {},
  desired: UNTOUCHED,
  reported: UNTOUCHED,
};

/** https://learn.microsoft.com/azure/iot-hub/iot-hub-devguide-device-twins */
export class Twins {
  readonly #clock: Clock;
  readonly #registry: DeviceRegistry;
  readonly #onChange: () => void;
  /** Those that somebody has written to. */
  readonly #twins = new Map<string, Twin>();
  readonly #listeners = new Map<string, Set<(change: DesiredChange) => void>>();

  constructor(clock: Clock, registry: DeviceRegistry, onChange: () => void) {
    this.#clock = clock;
    this.#registry = registry;
    this.#onChange = onChange;
    registry.onDeleted((identity) => this.#twins.delete(identityKey(identity)));
  }

  /** Throws `deviceNotFound`. */
  get(deviceId: string): Twin {
    this.#registry.get(deviceId);
    return this.#twins.get(deviceId) ?? NEW_TWIN;
  }

  /** By the back end. Throws `deviceNotFound`, `preconditionFailed`, `argumentInvalid`. */
  patch(deviceId: string, change: TwinChange, ifMatch = '*'): Twin {
    const { tags, desired } = this.get(deviceId);
    return this.#change(deviceId, ifMatch, {
      tags: change.tags === null ? patchBetween(tags, {}) : (change.tags ?? {}),
      desired:
        change.desired === null
          ? patchBetween(desired.values, {})
          : withoutReadOnly(change.desired ?? {}),
    });
  }

  /** By the back end: what the change names is replaced as a whole. Throws as patch does. */
  replace(deviceId: string, change: TwinChange, ifMatch = '*'): Twin {
    const { tags, desired } = this.get(deviceId);
    return this.#change(deviceId, ifMatch, {
      tags: change.tags === undefined ? {} : patchBetween(tags, change.tags ?? {}),
      desired:
        change.desired === undefined
          ? {}
          : patchBetween(desired.values, withoutReadOnly(change.desired ?? {})),
    });
  }

  /** By the device. Throws `deviceNotFound`, `argumentInvalid`. */
  report(deviceId: string, patch: JsonObject): Twin {
    const twin = this.get(deviceId);
    const given = withoutReadOnly(patch);
    checkTwinPatch('properties.reported', given);
    const version = twin.reported.version + 1;
    const stamp = { $lastUpdated: this.#now() };
    const reported = { ...mergePatch(twin.reported, given, stamp), version };
    checkSize('properties.reported', reported.values);
    return this.#store(deviceId, { ...twin, version: twin.version + 1, reported });
  }

  /** Changes from now on; what was missed is for the device to read. */
  onDesired(deviceId: string, listener: (change: DesiredChange) => void): () => void {
    const listeners = this.#listeners.get(deviceId) ?? new Set();
    this.#listeners.set(deviceId, listeners.add(listener));
    return () => {
      listeners.delete(listener);
      if (listeners.size === 0 && this.#listeners.get(deviceId) === listeners)
        this.#listeners.delete(deviceId);
    };
  }

  snapshot(): TwinsSnapshot {
    return [...this.#twins].map(([deviceId, twin]) => ({ deviceId, twin }));
  }

  restore(snapshot: TwinsSnapshot): void {
    for (const { deviceId, twin } of snapshot) {
      this.#registry.get(deviceId);
      this.#twins.set(deviceId, twin);
    }
  }

  #change(
    deviceId: string,
    ifMatch: string,
    patch: { readonly tags: JsonObject; readonly desired: JsonObject },
  ): Twin {
    const twin = this.get(deviceId);
    if (!ifMatchHolds(ifMatch, twinETag(twin))) {
      throw new HubError(
        'preconditionFailed',
        `If-Match is not the current ETag of the twin of '${deviceId}'`,
      );
    }
    checkTwinPatch('tags', patch.tags);
    checkTwinPatch('properties.desired', patch.desired);
    const tags = mergePatch({ values: twin.tags, metadata: {} }, patch.tags, {}).values;
    const desired = this.#desire(twin.desired, patch.desired);
    checkSize('tags', tags);
    checkSize('properties.desired', desired.values);
    const changed = this.#store(deviceId, {
      ...twin,
      revision: twin.revision + 1,
      version: twin.version + 1,
      tags,
      desired,
    });
    if (desired !== twin.desired) {
      const notice = { patch: patch.desired, version: desired.version };
      for (const listener of this.#listeners.get(deviceId) ?? []) listener(notice);
    }
    return changed;
  }

  /** An empty patch is none: it raises no version. */
  #desire(desired: TwinProperties, patch: JsonObject): TwinProperties {
    if (Object.keys(patch).length === 0) return desired;
    const version = desired.version + 1;
    const stamp = { $lastUpdated: this.#now(), $lastUpdatedVersion: version };
    return { ...mergePatch(desired, patch, stamp), version };
  }

  #store(deviceId: string, twin: Twin): Twin {
    this.#twins.set(deviceId, twin);
    this.#onChange();
    return twin;
  }

  #now(): string {
    return new Date(this.#clock.now()).toISOString();
  }
}

/** Without the quotation marks that HTTP puts around it. */
export function twinETag({ revision }: Twin): string {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64BE(BigInt(revision));
  return bytes.toString('base64');
}

/** Whoever sends back what they read sends these along. */
function withoutReadOnly(properties: JsonObject): JsonObject {
  const { $metadata: _metadata, $version: _version, ...rest } = properties;
  return rest;
}

function checkSize(name: 'tags' | `properties.${string}`, value: JsonObject): void {
  const limit = name === 'tags' ? MAX_TWIN_TAGS_BYTES : MAX_TWIN_PROPERTIES_BYTES;
  const size = twinSizeInBytes(value);
  if (size <= limit) return;
  throw new HubError(
    'argumentInvalid',
    `${name} would have ${size} bytes; at most ${limit} are allowed`,
  );
}
