import { requestedFault } from '../faults/requested-fault.ts';
import { checkEventBytes, eventBytes } from '../state/device-event.ts';
import { MAX_EVENT_BYTES } from '../state/limits.ts';
import { readDeviceEvents } from './device-event.ts';
import { NO_CONTENT, param, type Route } from './route.ts';

/** A batch holds its messages in base64, with JSON around them. */
const MAX_BODY_BYTES = 2 * MAX_EVENT_BYTES;

/** https://learn.microsoft.com/rest/api/iothub/device/send-device-event */
export const eventRoute: Route = {
  method: 'POST',
  path: '/devices/{deviceId}/messages/events',
  right: 'deviceConnect',
  errors: 'registry',
  maxBodyBytes: MAX_BODY_BYTES,
  handle: (request) => {
    const events = readDeviceEvents(request.headers, request.body);
    checkEventBytes(events.reduce((total, event) => total + eventBytes(event), 0));
    const origin = { entityId: param(request, 'deviceId') };
    const { requested } = request.faults;
    requested.checkEvents(origin.entityId);
    const fault = events[0] && requestedFault(events[0].properties);
    if (fault) {
      // There is no connection that it could hit.
      requested.begin(origin.entityId, fault, () => {});
      return NO_CONTENT;
    }
    for (const event of events) request.state.events.append(origin, event);
    return NO_CONTENT;
  },
};
