import { bulkRoute } from './bulk-route.ts';
import { deviceBoundRoutes } from './device-bound-routes.ts';
import { eventRoute } from './event-route.ts';
import { feedbackRoutes } from './feedback-routes.ts';
import { identityRoutes } from './identity-routes.ts';
import { methodRoutes } from './method-routes.ts';
import { moduleRoutes } from './module-routes.ts';
import { purgeRoute } from './purge-route.ts';
import { queryRoute } from './query-route.ts';
import { statisticsRoutes } from './statistics-routes.ts';
import { twinRoutes } from './twin-routes.ts';
import type { Route } from './route.ts';

export const routes: readonly Route[] = [
  ...identityRoutes,
  ...moduleRoutes,
  bulkRoute,
  ...statisticsRoutes,
  queryRoute,
  ...methodRoutes,
  ...twinRoutes,
  purgeRoute,
  ...feedbackRoutes,
  ...deviceBoundRoutes,
  eventRoute,
];
