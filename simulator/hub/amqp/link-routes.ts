import { claimsBasedSecurity } from './claims-based-security.ts';
import { deviceBoundMessages } from './device-bound-messages.ts';
import { deviceEvents } from './device-events.ts';
import type { DeviceLinks } from './device-links.ts';
import { eventReceivers } from './event-hubs/event-receivers.ts';
import { management } from './event-hubs/management.ts';
import { eventsRedirect } from './event-hubs/redirect.ts';
import type { FeedbackDispatcher } from './feedback-dispatcher.ts';
import { feedbackMessages } from './feedback-messages.ts';
import { fileNotifications } from './file-notifications.ts';
import type { HubContext } from './hub-context.ts';
import type { LinkRoute } from './link-route.ts';
import { messagesToDevice } from './messages-to-device.ts';
import { methodAnswers } from './method-answers.ts';
import { MethodChannel } from './method-channel.ts';
import { methodRequests } from './method-requests.ts';
import { PairedLinks } from './paired-links.ts';
import { twinAnswers } from './twin-answers.ts';
import { TwinChannel } from './twin-channel.ts';
import { twinRequests } from './twin-requests.ts';

/** Every address that a link can have, with its handler. */
export function linkRoutes(
  hub: HubContext,
  feedback: FeedbackDispatcher,
  devices: DeviceLinks,
): readonly LinkRoute[] {
  const methodChannels = new PairedLinks(() => new MethodChannel());
  const twinChannels = new PairedLinks(() => new TwinChannel());
  return [
    ...claimsBasedSecurity(hub),
    deviceBoundMessages(hub),
    feedbackMessages(hub, feedback),
    fileNotifications(hub),
    messagesToDevice(hub, devices),
    deviceEvents(hub, devices),
    methodRequests(hub, devices, methodChannels),
    methodAnswers(hub, devices, methodChannels),
    eventReceivers(hub),
    eventsRedirect(hub),
    ...management(hub),
    twinRequests(hub, devices, twinChannels),
    twinAnswers(hub, devices, twinChannels),
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
