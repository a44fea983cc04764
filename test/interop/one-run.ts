// In a process of its own, told the id of an SDK and a transport: prints what holds, as one line of JSON.
import { startLab } from './lab.ts';
import { runCapabilities } from './run-capabilities.ts';
import { sdkOf } from './sdks.ts';

const [id = '', transport = '', only = ''] = process.argv.slice(2);
const sdk = sdkOf(id);
const capabilities = sdk.capabilities.filter(({ title }) => title.includes(only));
const lab = await startLab(sdk.language);
try {
  const report = await runCapabilities({ ...sdk, capabilities }, transport, lab);
  process.stdout.write(`${JSON.stringify(report)}\n`);
} finally {
  await lab.close();
}
