import pMap from 'p-map';
import type { SdkReport } from './conformance-section.ts';
import { canRunTogether, runApart } from './run-apart.ts';
import type { Language } from './languages.ts';
import { sdks } from './sdks.ts';

/** Half of the time is spent waiting. */
const RUNS_AT_ONCE = 4;

/** Every SDK of a language over every transport. */
export async function runLanguage(language: Language): Promise<SdkReport[]> {
  const ofLanguage = sdks.filter((sdk) => sdk.language === language);
  const runs = ofLanguage.flatMap((sdk) => sdk.transports.map((transport) => ({ sdk, transport })));
  const together = language === 'node' || (await canRunTogether());
  const reports = await pMap(runs, ({ sdk, transport }) => runApart(sdk, transport), {
    concurrency: together ? RUNS_AT_ONCE : 1,
  });
  return ofLanguage.map((sdk) => ({
    sdk,
    runs: new Map(
      runs.flatMap((run, index) => {
        const report = reports[index];
        return run.sdk === sdk && report ? [[run.transport, report] as const] : [];
      }),
    ),
  }));
}
