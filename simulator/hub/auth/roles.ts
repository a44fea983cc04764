import { DATA_ACTION_PREFIX, type DataAction } from './data-actions.ts';

interface Role {
  readonly id: string;
  /** Without the prefix; a star stands for any text. */
  readonly dataActions: readonly string[];
}

/** https://learn.microsoft.com/azure/role-based-access-control/built-in-roles/internet-of-things */
const BUILT_IN_ROLES: Readonly<Record<string, Role>> = {
  'IoT Hub Data Contributor': { id: '4fc6c259-987e-4a07-842e-c321cc9d413f', dataActions: ['*'] },
  'IoT Hub Data Reader': {
    id: 'b447c946-2db7-41ec-983d-d8bf3b1c77e3',
    dataActions: ['*/read', 'fileUpload/notifications/action'],
  },
  'IoT Hub Registry Contributor': {
    id: '4ea46cd5-c1b2-4a8e-910b-273211f9ce47',
    dataActions: ['devices/*'],
  },
  'IoT Hub Twin Contributor': {
    id: '494bdba2-168f-4f31-a0a1-191d2f7c028c',
    dataActions: ['twins/*'],
  },
};

export const ROLE_NAMES = Object.keys(BUILT_IN_ROLES);

/** By name or id; undefined if there is none. */
export function findRole(nameOrId: string): Role | undefined {
  const wanted = nameOrId.toLowerCase();
  return Object.entries(BUILT_IN_ROLES).find(
    ([name, { id }]) => name.toLowerCase() === wanted || id === wanted,
  )?.[1];
}

/** `pattern` as a role has it, with the prefix or without; upper and lower case are one. */
export function allows(pattern: string, action: DataAction): boolean {
  const expression = pattern
    .replaceAll(/[.+?^${}()|[\]\\]/g, String.raw`\$&`)
    .replaceAll('*', '.*');
  const isMatch = new RegExp(`^${expression}$`, 'i');
  return isMatch.test(action) || isMatch.test(DATA_ACTION_PREFIX + action);
}
