import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { ask } from '../support/http.ts';
import { assertNothingLeft } from '../support/leftovers.ts';
import { describeLoad, startLoad } from '../support/load.ts';
import { freePort } from '../support/ports.ts';
import { descendantsOf, isAlive, processesThatName, readProcess } from '../support/processes.ts';
import type { ProcessInfo } from '../support/processes.ts';
import { scanForSecrets, secretsIn } from '../support/secrets.ts';
import { eventually } from '../support/wait.ts';

const program = fileURLToPath(new URL('../../packages/cli/bin/muster.js', import.meta.url));

interface Started {
  readonly child: ChildProcess;
  readonly folder: string;
  readonly natsPort: number;
  readonly httpPort: number;
  output(): string;
}

/** `muster dev` as a process, killed and cleaned up after the test. */
async function startDev(context: TestContext, words: readonly string[] = []): Promise<Started> {
  const folder = mkdtempSync(join(tmpdir(), 'muster-faults-'));
  const [natsPort, httpPort] = [await freePort(), await freePort()];
  const flags = ['--nats-port', String(natsPort), '--http-port', String(httpPort), ...words];
  const child = spawn(process.execPath, [program, 'dev', ...flags], {
    env: { ...process.env, XDG_RUNTIME_DIR: folder },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => (output += text));
  }
  context.after(async () => {
    await kill(child);
    rmSync(folder, { recursive: true, force: true });
  });
  return { child, folder, natsPort, httpPort, output: () => output };
}

/** With all it said where it does not, since nothing else says why. */
async function untilItRuns(dev: Started): Promise<void> {
  await eventually(
    'the lattice runs',
    () => dev.output().includes('Ctrl-C stops everything.'),
    120_000,
  ).catch((error: unknown) => {
    throw new Error(`the lattice does not run: ${dev.output()}`, { cause: error });
  });
}

async function kill(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, 'exit');
  child.kill('SIGKILL');
  await exited;
}

/** The process and everything below it. */
function treeOf(child: ChildProcess): ProcessInfo[] {
  const pid = child.pid ?? 0;
  const own = readProcess(pid);
  return own === undefined ? [] : [own, ...descendantsOf(pid)];
}

async function assertNoProcessLeft(
  { folder, natsPort, httpPort }: Started,
  tree: ProcessInfo[],
): Promise<void> {
  await eventually(
    'every process is gone',
    () => !tree.some(isAlive) && processesThatName(folder).length === 0,
    20_000,
  );
  // Files stay, because nobody is left to remove them.
  await assertNothingLeft({ folders: [], processes: tree, ports: [natsPort, httpPort] });
}

test('no key and no token is where it can be read, but for the one of nats-server', async (context) => {
  const dev = await startDev(context, ['--verbose']);
  await untilItRuns(dev);
  const load = startLoad({
    port: dev.httpPort,
    path: '/whoami',
    isRight: ({ status, body }) => status === 200 && secretsIn(body).length === 0,
  });
  context.after(() => load.stop());
  const findings = new Set<string>();
  let looked = {};
  // Several times, because what is passed on may be readable for a moment only.
  for (let round = 0; round < 5; round += 1) {
    const tree = treeOf(dev.child);
    assert.equal(tree.length, 4, 'muster dev, nats-server, callout, host');
    const scan = scanForSecrets(tree, [dev.folder]);
    ({ looked } = scan);
    for (const { kind, where, pid, place } of scan.findings) {
      const name = tree.find((info) => info.pid === pid)?.argv[0] ?? '-';
      findings.add(`${kind} in ${where} ${place} of ${name}`);
    }
    await sleep(300);
  }
  const report = await load.stop();
  context.diagnostic(`looked at ${JSON.stringify(looked)}; ${describeLoad(report)}`);
  context.diagnostic([...findings].join('; '));
  assert.equal(findings.size, 1);
  assert.match([...findings][0] ?? '', /^PEM private key in descriptor \S.* \(deleted\) of nats-server$/);
  assert.deepEqual([report.wrong, report.lost, report.refused], [0, 0, 0]);
  assert.deepEqual(secretsIn(dev.output()), []);
});

test('killed while it serves, the parent takes everything along', async (context) => {
  const dev = await startDev(context, ['--component', 'hello-wat', '--hosts', '2']);
  await untilItRuns(dev);
  assert.equal((await ask(dev.httpPort)).status, 200);
  const tree = treeOf(dev.child);
  assert.equal(tree.length, 5);
  await kill(dev.child);
  await assertNoProcessLeft(dev, tree);
});

test('killed at any moment of its start, the parent takes everything along', async (context) => {
  const sizes: number[] = [];
  for (const afterMs of [300, 500, 700, 900, 1_200, 1_600]) {
    const dev = await startDev(context, ['--component', 'hello-wat']);
    await sleep(afterMs);
    const tree = treeOf(dev.child);
    await kill(dev.child);
    await assertNoProcessLeft(dev, tree);
    sizes.push(tree.length);
  }
  context.diagnostic(`processes when it was killed: ${sizes.join(', ')}`);
});

test('killed parts in the middle of their own restart leave nothing either', async (context) => {
  const dev = await startDev(context, ['--component', 'hello-wat']);
  await untilItRuns(dev);
  const before = treeOf(dev.child);
  for (const { pid } of before.slice(1)) process.kill(pid, 'SIGKILL');
  await sleep(350);
  const tree = [...before, ...treeOf(dev.child)];
  await kill(dev.child);
  await assertNoProcessLeft(dev, tree);
});
