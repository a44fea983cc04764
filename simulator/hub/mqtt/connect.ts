import type { IConnectPacket } from 'mqtt-packet';

import type { Authenticator } from '../auth/authenticator.ts';
import type { ClientCertificate } from '../auth/client-certificate.ts';
import { HubError } from '../state/hub-error.ts';
import { eventPropertyBag } from './topics.ts';
import { ProtocolError } from './packet-reader.ts';

/** §3.2.2.3 */
export const CONNECT_RETURN_CODES = {
  accepted: 0,
  unacceptableProtocolLevel: 1,
  identifierRejected: 2,
  serverUnavailable: 3,
  badUserNameOrPassword: 4,
  notAuthorized: 5,
} as const;

export type Admission =
  | { readonly deviceId: string; readonly expiresAt: number; readonly modelId?: string }
  | { readonly returnCode: number; readonly reason: string };

export interface Gatekeeper {
  readonly hostName: string;
  readonly authenticator: Authenticator;
  readonly clientCertificate: () => ClientCertificate | undefined;
}

const MQTT_3_1_1 = 4;

/** Who is it, and may they in? */
export function admit(packet: IConnectPacket, gatekeeper: Gatekeeper): Admission {
  if (packet.protocolVersion !== MQTT_3_1_1) {
    return refuse('unacceptableProtocolLevel', 'only MQTT 3.1.1 is spoken here'); // [MQTT-3.1.2-2]
  }
  const deviceId = packet.clientId;
  if (deviceId === '') {
    return refuse(
      'identifierRejected',
      'the client identifier must be <device id> or <device id>/<module id>',
    ); // [MQTT-3.1.3-8]
  }
  if (packet.will !== undefined && eventPropertyBag(packet.will.topic, deviceId) === undefined) {
    throw new ProtocolError('Will on a topic that is not for events');
  }
  const user = parseUserName(packet.username ?? '', deviceId);
  if (user === undefined) {
    return refuse(
      'badUserNameOrPassword',
      'the user name must be <host>/<client identifier>/?api-version=<version>',
    );
  }
  if (user.deviceId !== deviceId) {
    return refuse('notAuthorized', 'user name and client identifier name two devices');
  }
  if (!isSameHost(user.hostName, gatekeeper.hostName)) {
    return refuse('notAuthorized', 'the user name names another hub');
  }
  const admission = authenticate(packet, deviceId, gatekeeper);
  if ('returnCode' in admission || user.modelId === undefined) return admission;
  return { ...admission, modelId: user.modelId };
}

function authenticate(
  packet: IConnectPacket,
  deviceId: string,
  { authenticator, clientCertificate }: Gatekeeper,
): Admission {
  const credential = packet.password?.length
    ? packet.password.toString('utf8')
    : clientCertificate();
  if (credential === undefined) {
    return refuse(
      'badUserNameOrPassword',
      'the password must be a SAS token, unless the client shows a certificate',
    );
  }
  try {
    const { expiresAt } = authenticator.device(credential, deviceId);
    return { deviceId, expiresAt };
  } catch (error) {
    if (error instanceof HubError) {
      return refuse('notAuthorized', `${error.code} ${error.errorName}`);
    }
    throw error;
  }
}

const DEVICE_USER_NAME = /^([^/]+)\/([^/]+)\/\??(.*)$/s;
const MODULE_USER_NAME = /^([^/]+)\/([^/]+\/[^/]+)\/\??(.*)$/s;

// Older documentation has no question mark before `api-version`, and such devices are in the field.
function parseUserName(
  userName: string,
  clientId: string,
): { hostName: string; deviceId: string; modelId?: string } | undefined {
  const ofModule = clientId.includes('/') ? MODULE_USER_NAME.exec(userName) : null;
  const [, hostName, deviceId, query] = ofModule ?? DEVICE_USER_NAME.exec(userName) ?? [];
  const parameters = new URLSearchParams(query ?? '');
  if (hostName === undefined || deviceId === undefined || !parameters.get('api-version'))
    return undefined;
  // https://learn.microsoft.com/azure/iot/concepts-developer-guide-device#model-id-announcement
  const modelId = parameters.get('model-id');
  return { hostName, deviceId, ...(modelId && { modelId }) };
}

/** A planned fault may name the return code itself, or an HTTP status of like meaning. */
export function returnCodeOfFault(fault: { code?: number; httpStatus?: number }): number {
  const { notAuthorized, serverUnavailable } = CONNECT_RETURN_CODES;
  if (fault.code !== undefined && fault.code >= 1 && fault.code <= notAuthorized) {
    return fault.code;
  }
  return fault.httpStatus === 401 || fault.httpStatus === 403 ? notAuthorized : serverUnavailable;
}

/** An SDK that was told a port with the host name repeats it in the user name. */
function isSameHost(claimed: string, hostName: string): boolean {
  return claimed.replace(/:\d+$/, '').toLowerCase() === hostName.toLowerCase();
}

function refuse(code: keyof typeof CONNECT_RETURN_CODES, reason: string): Admission {
  return { returnCode: CONNECT_RETURN_CODES[code], reason };
}
