/** https://learn.microsoft.com/azure/iot-hub/iot-hub-devguide-quotas-throttling */
const SENDS_PER_MINUTE_AND_UNIT = { F1: 100, S1: 100, S2: 100, S3: 5000 } as const;
export const HUB_SKUS = [
  'F1',
  'S1',
  'S2',
  'S3',
] as const satisfies readonly (keyof typeof SENDS_PER_MINUTE_AND_UNIT)[];
export type HubSku = (typeof HUB_SKUS)[number];

/** The rest is left to the calls that do not wait in a backlog. */
const SHARE = 0.9;

/** How fast backlogs are handed to a hub of this size. */
export function queuedSendsPerSecond(hub: { sku: HubSku; units: number }): number {
  return (SHARE * SENDS_PER_MINUTE_AND_UNIT[hub.sku] * hub.units) / 60;
}
