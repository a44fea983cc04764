import { bulkRoute } from './bulk-route.ts';
import { deviceBoundRoutes } from './device-bound-routes.ts';
import { eventRoute } from './event-route.ts';
import { feedbackRoutes } from './feedback-routes.ts';
import { identityRoutes } from './identity-routes.ts';
import { methodRoute } from './method-route.ts';
import { purgeRoute } from './purge-route.ts';
import { queryRoute } from './query-route.ts';
import { statisticsRoutes } from './statistics-routes.ts';
import { twinRoutes } from './twin-routes.ts';
import type { Route } from './route.ts';

export const routes: readonly Route[] = [
  ...identityRoutes,
  bulkRoute,
  ...statisticsRoutes,
  queryRoute,
  methodRoute,
  ...twinRoutes,
  purgeRoute,
  ...feedbackRoutes,
  ...deviceBoundRoutes,
  eventRoute,
];
