import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { ManualClock, startHub, type SimulatedHub } from '../../../../simulator/index.ts';
import { aCertificate, type TestCertificate } from '../../../support/x509.ts';
import { adminOf, type Admin } from './admin-client.ts';

let hub: SimulatedHub;
let admin: Admin;
let root: TestCertificate;
beforeAll(async () => {
  root = await aCertificate('Root of the factory', { isAuthority: true });
  hub = await startHub({ clock: new ManualClock() });
  admin = adminOf(hub);
});
afterAll(() => hub.stop());

describe('/$downlink/certificates', () => {
  test('takes an authority, lists it, keeps it in a snapshot and forgets it', async () => {
    const put = await admin('PUT /certificates/factory', { body: { certificatePem: root.cert } });
    const { json: snapshot } = await admin('GET /snapshot');
    const deleted = await admin('DELETE /certificates/factory');
    const none = await admin('GET /certificates');
    await admin('PUT /snapshot', { body: snapshot });

    expect(put.status).toBe(200);
    expect(put.json).toMatchObject({
      name: 'factory',
      subject: 'CN=Root of the factory',
      thumbprint: expect.stringMatching(/^[0-9A-F]{40}$/),
    });
    expect(deleted.status).toBe(204);
    expect(none.json).toEqual({ items: [] });
    expect((await admin('GET /certificates')).json).toEqual({ items: [put.json] });
    expect(hub.state.certificateAuthorities.certificates()).toHaveLength(1);
  });

  test('refuses what is no authority, and tells why', async () => {
    const { cert } = await aCertificate('device-1');
    const put = async (name: string, certificatePem: string) => {
      const { status, json } = await admin(`PUT /certificates/${name}`, {
        body: { certificatePem },
      });
      return [status, (json as { detail: string }).detail];
    };

    expect(await put('leaf', cert)).toEqual([400, expect.stringContaining('basic constraints')]);
    expect(await put('junk', 'no PEM')).toEqual([400, expect.stringContaining('PEM')]);
    expect(await put('a%20b', root.cert)).toEqual([400, expect.stringContaining('name')]);
    expect(await admin('DELETE /certificates/nobody')).toMatchObject({ status: 404 });
  });
});
