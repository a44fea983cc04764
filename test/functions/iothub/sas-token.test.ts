import common from 'azure-iot-common';
import { describe, expect, test } from '@jest/globals';
import { sasToken } from '../../../functions/iothub/sas-token.ts';

describe('sasToken', () => {
  test("signs as the official SDK does, also a policy's name that needs encoding", () => {
    const key = Buffer.from('key').toString('base64');
    const keyName = 'read & write';
    const hostName = 'my-hub.azure-devices.net';
    const expiresAt = 1_800_000_000_000;

    const token = sasToken({ hostName, keyName, key }, expiresAt);

    const official = common.SharedAccessSignature.create(hostName, keyName, key, expiresAt / 1000);
    expect(token.split(/[ &]/).toSorted()).toEqual(official.toString().split(/[ &]/).toSorted());
  });
});
