import * as z from 'zod';
import type { DeviceQueuePurger } from '../messages/message.ts';
import type { HubRest } from './hub-rest.ts';
import { requestError, responseError } from './iothub-errors.ts';
import { readAnswer } from './read-answer.ts';

const purgedSchema = z.object({ totalMessagesPurged: z.int().min(0) });

/** https://learn.microsoft.com/rest/api/iothub/service/cloud-to-device-messages/purge-cloud-to-device-message-queue */
export function iotHubDeviceQueuePurger(rest: HubRest): DeviceQueuePurger {
  return {
    async purge(deviceId) {
      const path = `/devices/${encodeURIComponent(deviceId)}/commands`;
      const response = await rest
        .request({ method: 'DELETE', path })
        .catch((error: unknown) => Promise.reject(requestError(error)));
      if (response.status !== 200) throw responseError(response);
      return readAnswer(response, purgedSchema).totalMessagesPurged;
    },
  };
}
