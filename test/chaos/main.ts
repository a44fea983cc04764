import { parseArgs } from 'node:util';
import { joined } from './chaos-report.ts';
import type { ChaosReport } from './chaos-report.ts';
import { runChaos } from './chaos-run.ts';
import { printReport } from './print-report.ts';
import { roundsOf } from './rounds.ts';
import { buildSabotaged, SABOTAGES } from './sabotage.ts';

const USAGE = `npm run chaos -- [options]

Sends commands through the whole of Downlink while faults strike, and compares every record with what the
simulated hub saw happen. Ends with 1 if a promise was broken.

  --commands <n>  how many (10000)
  --seed <n>      the same seed gives the same commands and the same faults (1)
  --kills <n>     kill -9 of an app process (one for 500 commands)
  --faults <n>    other faults (one for 100 commands)
  --callers <n>   requests under way at once (32)
  --break <name>  breaks a promise on purpose, to show that the check sees it: ${Object.keys(SABOTAGES).join(', ')}
  --help
`;

const { values } = parseArgs({
  options: {
    commands: { type: 'string', default: '10000' },
    seed: { type: 'string', default: '1' },
    kills: { type: 'string' },
    faults: { type: 'string' },
    callers: { type: 'string', default: '32' },
    break: { type: 'string' },
    help: { type: 'boolean', default: false },
  },
});

if (values.help) {
  process.stdout.write(USAGE);
} else {
  const commands = wholeNumber('commands', values.commands);
  const sabotaged = values.break === undefined ? undefined : await buildSabotaged(values.break);
  try {
    const rounds = roundsOf({
      commands,
      seed: wholeNumber('seed', values.seed),
      kills: wholeNumber('kills', values.kills ?? String(Math.ceil(commands / 500))),
      faults: wholeNumber('faults', values.faults ?? String(Math.ceil(commands / 100))),
    });
    const reports: ChaosReport[] = [];
    for (const [index, round] of rounds.entries()) {
      const report = await runChaos({
        ...round,
        callers: wholeNumber('callers', values.callers),
        onProgress: (line) =>
          process.stderr.write(`round ${index + 1} of ${rounds.length}: ${line}\n`),
        ...(sabotaged && { appRoot: sabotaged.folder }),
      });
      reports.push(report);
    }
    const report = joined(reports);
    const { text, isRight } = printReport(report);
    process.stdout.write(`seed ${values.seed}\n${text}\n`);
    process.exitCode = isRight ? 0 : 1;
  } finally {
    await sabotaged?.remove();
  }
}

function wholeNumber(name: string, text: string): number {
  if (/^\d{1,9}$/.test(text)) return Number(text);
  throw new Error(`--${name} must be a whole number, not '${text}'`);
}
