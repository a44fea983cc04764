import { CreditedSender } from './credited-sender.ts';
import type { HubContext } from './hub-context.ts';
import type { SendingRoute } from './link-route.ts';

/** Where a back end hears of uploaded files. The simulated hub takes no uploads yet: the link is there and stays silent. */
export function fileNotifications(hub: HubContext): SendingRoute {
  return {
    role: 'sender',
    address: /^\/messages\/servicebound\/filenotifications$/i,
    authorize(token) {
      hub.authenticator.service(token, 'fileUpload/notifications/action', [
        'messages',
        'servicebound',
        'filenotifications',
      ]);
    },
    open(sender) {
      const outgoing = new CreditedSender(sender);
      return {
        onFlow: () => outgoing.drain(),
        onOutcome: () => {},
        close: () => outgoing.close(),
      };
    },
  };
}
