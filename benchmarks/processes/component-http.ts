// A component as a host runs it: the host's HTTP server in front, the component in a worker that can be killed.
// Arguments: the component's file, `reuse` or `fresh`.
import { silentLogger, systemClock } from '@muster/lattice';
import { startHttpServer } from '@muster/providers';
import { startComponentPool } from '@muster/runtime';
import { readFile } from 'node:fs/promises';

const [file = '', instancePolicy] = process.argv.slice(2);
const pool = await startComponentPool({
  name: 'hello',
  bytes: await readFile(file),
  grants: { interfaces: ['wasmcloud:identity/store'] },
  config: {},
  identity: { getJwt: () => Promise.resolve(undefined) },
  instancePolicy: instancePolicy === 'fresh' ? 'fresh' : 'reuse',
});
const server = await startHttpServer(
  { address: '127.0.0.1:0' },
  {
    handle: (request, context) => pool.handleHttp(request, context),
    isServing: () => true,
    logger: silentLogger,
    clock: systemClock,
  },
);
process.send?.({ port: Number(server.address.split(':').at(-1)) });

process.on('disconnect', () => process.exit());
