import type { Expression } from './syntax.ts';

/** The ids of the only devices that can meet the condition; undefined if it may be any. */
export function wantedDevices(condition: Expression | undefined): ReadonlySet<string> | undefined {
  if (condition?.kind !== 'binary') return undefined;
  const { operator, left, right } = condition;
  if (operator === 'AND') return wantedDevices(left) ?? wantedDevices(right);
  if (!isDeviceId(left)) return undefined;
  if (operator === '=' && right.kind === 'constant') return textsIn([right]);
  if (operator === 'IN' && right.kind === 'array') return textsIn(right.items);
  return undefined;
}

function isDeviceId(expression: Expression): boolean {
  return (
    expression.kind === 'path' &&
    expression.names.length === 1 &&
    expression.names[0]?.toLowerCase() === 'deviceid'
  );
}

/** Undefined if one of them is known for each document only. */
function textsIn(items: readonly Expression[]): ReadonlySet<string> | undefined {
  const values = items.map((item) => (item.kind === 'constant' ? [item.value] : undefined));
  if (values.includes(undefined)) return undefined;
  return new Set(values.flat().filter((value) => typeof value === 'string'));
}
