import type { ShellStyle } from './shell-style.ts';

export interface CurlTarget {
  url: string;
  functionKey: string;
  deviceId: string;
  /** Not used before, so that the first call sends and does not repeat. */
  messageId: string;
}

/** Send a message, see what became of it, call a direct method. */
export function curlLines(target: CurlTarget, { curl, quote, json }: ShellStyle): string[] {
  const { messageId } = target;
  const device = `${target.url}/api/devices/${target.deviceId}`;
  const call = `${curl} -H ${quote(`x-functions-key: ${target.functionKey}`)}`;
  const post = `${call} -H ${quote('content-type: application/json')}`;
  return [
    `${post} -d ${json('message', { messageId, body: { setPoint: 21 } })} ${quote(`${device}/messages`)}`,
    `${call} ${quote(`${device}/messages/${messageId}?waitSeconds=30`)}`,
    `${post} -d ${json('method', { payload: { delaySeconds: 5 } })} ${quote(`${device}/methods/reboot`)}`,
  ];
}
