// A lattice as a user starts it, and the operator's connection to it.
import { connectLattice, inboxPrefix, type LatticeConnection, openLatticeDir } from '@muster/lattice';
import { SpiffeId, TrustDomain, WorkloadApiClient } from '@muster/spiffe';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { build } from '../../examples/hello-wat/build.ts';

export interface Lattice extends AsyncDisposable {
  readonly nats: LatticeConnection['nats'];
  /** `file://` of a component that hosts may start. */
  readonly artifact: string;
}

const muster = fileURLToPath(new URL('../../packages/cli/bin/muster.js', import.meta.url));

/** Starts `muster dev` with one host and no running component and connects as its operator. */
export async function startLattice(name: string): Promise<Lattice> {
  const stack = new AsyncDisposableStack();
  try {
    const folder = await mkdtemp(join(tmpdir(), 'muster-conformance-'));
    stack.defer(() => rm(folder, { recursive: true, force: true }));
    const artifact = await build(folder);
    const directory = join(folder, 'lattice');
    await startDev(['--lattice', name, '--component', artifact], { MUSTER_LATTICE_DIR: directory }, stack);
    const connection = await connect(directory, stack);
    const running = stack.move();
    return {
      nats: connection.nats,
      artifact: pathToFileURL(artifact).href,
      [Symbol.asyncDispose]: () => running.disposeAsync(),
    };
  } catch (error) {
    await stack.disposeAsync();
    throw error;
  }
}

async function startDev(
  options: string[],
  env: Record<string, string>,
  stack: AsyncDisposableStack,
): Promise<void> {
  const ports = ['--nats-port', '0', '--http-port', '0', '--operator', 'conformance'];
  const child = spawn(process.execPath, [muster, 'dev', ...ports, ...options], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...env },
  });
  const ended = once(child, 'exit');
  stack.defer(async () => {
    child.kill('SIGTERM');
    await ended;
  });
  let said = '';
  child.stderr.on('data', (chunk: Buffer) => (said += chunk.toString()));
  await new Promise<void>((resolve, reject) => {
    child.stdout.on('data', (chunk: Buffer) => {
      said += chunk.toString();
      if (said.includes('Ctrl-C stops everything')) resolve();
    });
    ended.then(() => reject(new Error(`muster dev ended: ${said}`)), reject);
  });
}

async function connect(directory: string, stack: AsyncDisposableStack): Promise<LatticeConnection> {
  const info = openLatticeDir(directory).readInfo();
  if (info === undefined) throw new Error('muster dev left no lattice.json');
  const trustDomain = TrustDomain.parse(info.trustDomain);
  const spiffeId = SpiffeId.fromSegments(trustDomain, 'operator', 'conformance').toString();
  const workloadApi = new WorkloadApiClient({ address: info.workloadApi });
  stack.defer(() => workloadApi.close());
  const connection = await connectLattice({
    servers: info.natsServers,
    name: 'conformance',
    trustDomain,
    bundles: await workloadApi.fetchX509Bundles(),
    fetchToken: async ({ signal }) => {
      const [svid] = await workloadApi.fetchJwtSvids({ audience: [info.audience], spiffeId }, { signal });
      if (svid === undefined) throw new Error('no JWT-SVID for the operator');
      return svid;
    },
    inboxPrefix: inboxPrefix(spiffeId),
  });
  stack.defer(() => connection.close());
  return connection;
}
