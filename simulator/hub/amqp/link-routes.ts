import { claimsBasedSecurity } from './claims-based-security.ts';
import { deviceBoundMessages } from './device-bound-messages.ts';
import type { FeedbackDispatcher } from './feedback-dispatcher.ts';
import { feedbackMessages } from './feedback-messages.ts';
import { fileNotifications } from './file-notifications.ts';
import type { HubContext } from './hub-context.ts';
import type { LinkRoute } from './link-route.ts';

/** Every address that a link can have, with its handler. */
export function linkRoutes(hub: HubContext, feedback: FeedbackDispatcher): readonly LinkRoute[] {
  return [
    ...claimsBasedSecurity(hub),
    deviceBoundMessages(hub),
    feedbackMessages(hub, feedback),
    fileNotifications(hub),
  ];
}

export function findRoute(
  routes: readonly LinkRoute[],
  role: LinkRoute['role'],
  address: string,
): { route: LinkRoute; match: RegExpExecArray } | undefined {
  for (const route of routes) {
    const match = route.role === role ? route.address.exec(address) : null;
    if (match) return { route, match };
  }
  return undefined;
}

/** Some clients write the whole URL, some no leading slash. */
export function normalizedAddress(address: string): string {
  const path = address.replace(/^amqps?:\/\/[^/]*/i, '').replace(/\/+$/, '');
  return path.startsWith('/') ? path : `/${path}`;
}
