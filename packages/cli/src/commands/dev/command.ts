import { styleText } from 'node:util';
import type { Command } from '../../command.ts';
import type { Io } from '../../io.ts';
import { createProgress, type Progress } from '../../terminal/progress.ts';
import { devOptionTable, readDevOptions } from './options.ts';
import type { PartLine } from './part-line.ts';
import { type Dev, startDev } from './start.ts';
import { renderSummary } from './summary.ts';

export const command: Command = {
  about:
    'Everything runs as your user on 127.0.0.1 and lasts until Ctrl-C; then no process, socket or file is left behind, the cache\n' +
    'of programs and components aside.',
  options: devOptionTable,
  async run(options, io) {
    const devOptions = readDevOptions(options, io);
    const progress = createProgress(io.stderr);
    let isUp = false;
    const onLine = (line: PartLine): void => {
      const isShown =
        devOptions.isVerbose === true || (isUp && (line.level === 'warn' || line.level === 'error'));
      if (isShown && !io.signal.aborted) progress.note(formatPartLine(line, io));
    };
    const dev = await startDev(devOptions, { io, progress, onLine });
    try {
      const parts = await dev.listParts();
      io.stdout.write(
        `\n${renderSummary(parts, Date.now(), io.stdout.isTTY === true ? io.stdout.columns : undefined)}\n${nextSteps(dev)}`,
      );
      isUp = true;
      await untilAborted(io.signal);
    } finally {
      await takeDown(dev, progress, io);
    }
    return 0;
  },
};

function nextSteps(dev: Dev): string {
  const tries = dev.httpUrl === undefined ? [] : [`curl ${dev.httpUrl}`, `curl ${dev.httpUrl}whoami`];
  const lines = [...tries, 'npx muster connection list'].map((line) => `  ${line}`);
  return `Try:\n${lines.join('\n')}\n\nCtrl-C stops everything.\n`;
}

function untilAborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    signal.addEventListener('abort', () => resolve(), { once: true });
  });
}

async function takeDown(dev: Dev, progress: Progress, io: Io): Promise<void> {
  // The terminal echoes ^C in the middle of a line.
  if (io.stderr.isTTY === true) io.stderr.write('\n');
  progress.begin('stopping');
  await dev.stop();
  progress.done('everything has ended');
}

function formatPartLine({ part, level, text }: PartLine, io: Io): string {
  const color = { debug: 'dim', info: 'dim', warn: 'yellow', error: 'red' } as const;
  const label = `${part} ${level}`;
  return `${io.stderr.isTTY === true ? styleText(color[level], label) : label} ${text}`;
}
