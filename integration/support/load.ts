import { Agent } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { ask } from './http.ts';
import type { Answer } from './http.ts';

/** What became of the requests of one load. Each is in exactly one of `right`, `wrong`, `refused` and `lost`. */
export interface LoadReport {
  readonly sent: number;
  readonly right: number;
  /** Answers that no client may ever see: another status or another body than `isRight` wants. */
  readonly wrong: number;
  /** Honest refusals: 503. */
  readonly refused: number;
  /** No whole answer: by the error that the client saw. */
  readonly lost: number;
  readonly lostBy: Readonly<Record<string, number>>;
  readonly statuses: Readonly<Record<number, number>>;
  /** The first wrong answers, for people. */
  readonly samples: readonly string[];
  /** Longest time between two right answers. */
  readonly longestGapMs: number;
}

export interface Load {
  /** The counts so far. */
  report(): LoadReport;
  /** Lets every open request end. */
  stop(): Promise<LoadReport>;
}

export interface LoadOptions {
  readonly port: number;
  readonly path?: string;
  readonly isRight: (answer: Answer) => boolean;
  /** Requests open at the same time, default 4. */
  readonly clients?: number;
  /** Rest of each client between two requests, default 10 ms. */
  readonly pauseMs?: number;
}

/** Asks over kept-alive connections until it is stopped, without ever trying a request again. */
export function startLoad({ port, path = '/', isRight, clients = 4, pauseMs = 10 }: LoadOptions): Load {
  const agent = new Agent({ keepAlive: true, maxSockets: clients });
  const counts = { sent: 0, right: 0, wrong: 0, refused: 0, lost: 0 };
  const lostBy: Record<string, number> = {};
  const statuses: Record<number, number> = {};
  const samples: string[] = [];
  const stopping = new AbortController();
  let lastRightAt = performance.now();
  let longestGapMs = 0;

  const note = (answer: Answer): void => {
    statuses[answer.status] = (statuses[answer.status] ?? 0) + 1;
    if (answer.status === 503) {
      counts.refused += 1;
    } else if (isRight(answer)) {
      counts.right += 1;
      const now = performance.now();
      longestGapMs = Math.max(longestGapMs, now - lastRightAt);
      lastRightAt = now;
    } else {
      counts.wrong += 1;
      if (samples.length < 5) samples.push(`${answer.status} ${answer.body.slice(0, 200)}`);
    }
  };
  const client = async (): Promise<void> => {
    while (!stopping.signal.aborted) {
      counts.sent += 1;
      try {
        note(await ask(port, { path, agent }));
      } catch (error) {
        counts.lost += 1;
        const code = (error as NodeJS.ErrnoException).code ?? 'unknown';
        lostBy[code] = (lostBy[code] ?? 0) + 1;
      }
      await sleep(pauseMs);
    }
  };
  const running = Promise.all(Array.from({ length: clients }, client));
  const report = (): LoadReport => ({
    ...counts,
    lostBy: { ...lostBy },
    statuses: { ...statuses },
    samples: [...samples],
    longestGapMs: Math.round(Math.max(longestGapMs, performance.now() - lastRightAt)),
  });
  return {
    report,
    async stop() {
      stopping.abort();
      const last = report();
      await running;
      agent.destroy();
      return { ...report(), longestGapMs: last.longestGapMs };
    },
  };
}

/** One line for a test's diagnostics. */
export function describeLoad(report: LoadReport): string {
  const { sent, right, wrong, refused, lost, lostBy, longestGapMs } = report;
  const why = lost === 0 ? '' : ` ${JSON.stringify(lostBy)}`;
  return `${sent} sent, ${right} right, ${wrong} wrong, ${refused} refused (503), ${lost} lost${why}, longest gap ${longestGapMs} ms`;
}
