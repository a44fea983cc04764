import { TWIN_METER_BYTES, type ThrottledOperation } from '../state/service-tiers.ts';
import type { Throttles } from '../state/throttles.ts';
import type { Route, RouteAnswer } from './route.ts';

type RouteName = Pick<Route, 'method' | 'path'>;

interface Throttling {
  readonly operation: ThrottledOperation;
  /** What of it the daily quota counts, and in which steps. */
  readonly metered?: 'request' | 'answer';
  readonly stepBytes?: number;
}

const TWIN = /^\/(digital)?twins\/(?!.*\/(methods|commands)\b)/;
/** By method and path; the first that fits. Direct methods are counted where all of them come together. */
const TABLE: readonly [method: RegExp, path: RegExp, throttling: Throttling][] = [
  [/POST/, /^\/devices\/query$/, { operation: 'queries', ...inTwinSteps('answer') }],
  [/GET/, /\/messages\/devicebound$/i, { operation: 'cloudToDeviceReceives' }],
  [/POST/, /\/messages\/events$/, { operation: 'deviceToCloudSends', metered: 'request' }],
  [/POST/, /\/files$/, { operation: 'fileUploads' }],
  [/GET/, TWIN, { operation: 'twinReads', ...inTwinSteps('answer') }],
  [/PATCH|PUT/, TWIN, { operation: 'twinUpdates', ...inTwinSteps('request') }],
  [/./, /^\/jobs(\/|$)/, { operation: 'jobOperations', metered: 'request' }],
  [/./, /^\/configurations(\/|$)/, { operation: 'configurationOperations' }],
  [/./, /^\/devices(\/\{\w+\}(\/modules(\/\{\w+\})?)?)?$/, { operation: 'identityOperations' }],
];

export function throttlingOf(route: RouteName): Throttling | undefined {
  return TABLE.find(([method, path]) => method.test(route.method) && path.test(route.path))?.[2];
}

/** Serves the request if the hub's limits let it; throws as `Throttles.admit` does. */
export async function withinLimits(
  throttles: Throttles,
  route: RouteName,
  requestBytes: number,
  serve: () => RouteAnswer | Promise<RouteAnswer>,
): Promise<RouteAnswer> {
  const throttling = throttles.isOn ? throttlingOf(route) : undefined;
  if (!throttling) return serve();
  const { operation, metered, stepBytes } = throttling;
  throttles.admit(operation);
  const answer = await serve();
  if (metered) {
    const bytes = metered === 'request' ? requestBytes : Buffer.byteLength(answer.body ?? '');
    throttles.meter([bytes], stepBytes);
  }
  return answer;
}

function inTwinSteps(metered: 'request' | 'answer'): Omit<Throttling, 'operation'> {
  return { metered, stepBytes: TWIN_METER_BYTES };
}
