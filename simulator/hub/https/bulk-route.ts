import { z } from 'zod';
import { checkIdentityName, type DeviceIdentityInput } from '../state/device-identity.ts';
import { HubError } from '../state/hub-error.ts';
import type { HubState } from '../state/hub-state.ts';
import { identityKey, type IdentityName } from '../state/identity-key.ts';
import { identityInput } from './identity-json.ts';
import { parseJsonBody } from './json-body.ts';
import { json, type Route } from './route.ts';

/** https://learn.microsoft.com/azure/iot-hub/iot-hub-bulk-identity-mgmt and the service SDK, which checks it itself. */
const MAX_DEVICES = 100;
const MAX_BODY_BYTES = 512 * 1024;

const itemSchema = z.looseObject({
  id: z.string(),
  moduleId: z.string().nullish(),
  importMode: z.string(),
  eTag: z.string().nullish(),
});
type Item = z.infer<typeof itemSchema>;

type Operation = (state: HubState, item: Item) => void;

const create: Operation = (state, item) => {
  state.registry.create(inputOf(item));
};
const update =
  (etagOf: (item: Item) => string): Operation =>
  (state, item) => {
    state.registry.update(inputOf(item), etagOf(item));
  };
const remove =
  (etagOf: (item: Item) => string): Operation =>
  (state, item) => {
    state.registry.delete(identityKey(nameOf(item)), etagOf(item));
  };
const anyETag = (): string => '*';
const ownETag = ({ eTag }: Item): string => eTag ?? '';

/** The service SDK begins some with a capital letter: all are compared in lower case. */
const OPERATIONS: ReadonlyMap<string, Operation> = new Map([
  ['create', create],
  ['update', update(anyETag)],
  ['updateifmatchetag', update(ownETag)],
  ['delete', remove(anyETag)],
  ['deleteifmatchetag', remove(ownETag)],
]);

/** Each device for itself: what fails for one is told and stops no other. */
export const bulkRoute: Route = {
  method: 'POST',
  path: '/devices',
  right: ['devices/write', 'devices/delete'],
  errors: 'registry',
  maxBodyBytes: MAX_BODY_BYTES,
  handle: ({ state, body }) => {
    const items = parseJsonBody(body, z.array(itemSchema).min(1).max(MAX_DEVICES));
    const errors = items.flatMap((item) => failureOf(state, item));
    const isSuccessful = errors.length === 0;
    return json(isSuccessful ? 200 : 400, { isSuccessful, errors, warnings: [] });
  },
};

function nameOf({ id, moduleId }: Item): IdentityName {
  return { deviceId: id, ...(moduleId && { moduleId }) };
}

function inputOf(item: Item): DeviceIdentityInput {
  return { ...identityInput(item, item.id), ...nameOf(item) };
}

function failureOf(state: HubState, item: Item): object[] {
  try {
    const operation = OPERATIONS.get(item.importMode.toLowerCase());
    if (!operation) {
      throw new HubError(
        'argumentInvalid',
        `The simulated hub knows the import modes create, update and delete, the last two with IfMatchETag or without, and not '${item.importMode.slice(0, 40)}'`,
      );
    }
    checkIdentityName(nameOf(item));
    operation(state, item);
    return [];
  } catch (error) {
    if (!(error instanceof HubError)) throw error;
    return [{ ...nameOf(item), errorCode: error.errorName, errorStatus: error.message }];
  }
}
