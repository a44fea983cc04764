import { json, NO_CONTENT, param, type Route } from './route.ts';

const shared = {
  right: 'cloudToDeviceMessages/feedback/action',
  errors: 'registry',
  maxBodyBytes: 1024,
} as const;

/** https://learn.microsoft.com/rest/api/iothub/service/cloud-to-device-messages: a batch is locked until it is completed or abandoned. */
export const feedbackRoutes: readonly Route[] = [
  {
    ...shared,
    method: 'GET',
    path: '/messages/serviceBound/feedback',
    handle: ({ state }) => {
      const delivery = state.feedback.receive();
      if (!delivery) return NO_CONTENT;
      return json(200, delivery.records, {
        etag: `"${delivery.lockToken}"`,
        'iothub-enqueuedtime': new Date(delivery.enqueuedAt).toISOString(),
        'iothub-deliverycount': String(delivery.deliveryCount),
      });
    },
  },
  {
    ...shared,
    method: 'DELETE',
    path: '/messages/serviceBound/feedback/{lockToken}',
    handle: (request) => {
      request.state.feedback.complete(param(request, 'lockToken'));
      return NO_CONTENT;
    },
  },
  {
    ...shared,
    method: 'POST',
    path: '/messages/serviceBound/feedback/{lockToken}/abandon',
    handle: (request) => {
      request.state.feedback.abandon(param(request, 'lockToken'));
      return NO_CONTENT;
    },
  },
];
