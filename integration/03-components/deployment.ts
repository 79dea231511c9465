import type { LatticeEvent } from '@muster/lattice';
import { Fixture } from '../20-host/fixture.ts';
import { freePort } from '../support/ports.ts';
import { eventually } from '../support/wait.ts';

/** What became of a component that was put on the host. */
export interface Deployed {
  readonly port: number;
  readonly event: LatticeEvent;
  /** `component_scaled`, or the code with which the start failed. */
  readonly outcome: string;
  /** What the failed start says for people, else ''. */
  readonly text: string;
}

export interface DeployOptions {
  readonly app?: string;
  readonly limits?: Readonly<Record<string, string>>;
  /** Default 20 s. */
  readonly timeoutMs?: number;
}

/** Puts a config with an address, a link and the component, as an operator would, and waits for its outcome. */
export async function deploy(
  it: Fixture,
  id: string,
  bytes: Uint8Array,
  { app, limits, timeoutMs = 20_000 }: DeployOptions = {},
): Promise<Deployed> {
  const port = await freePort();
  await it.control.putConfig(`front-${id}`, { address: `127.0.0.1:${port}` });
  await it.control.putLink({
    source_id: 'http-server',
    target: id,
    name: id,
    wit_namespace: 'wasi',
    wit_package: 'http',
    interfaces: ['incoming-handler'],
    source_config: [`front-${id}`],
    target_config: [],
  });
  const before = it.events.length;
  const outcome = (): LatticeEvent | undefined =>
    it.events
      .slice(before)
      .find(({ name, data }) => name.startsWith('component_scale') && data['component_id'] === id);
  await it.control.scaleComponent({
    component_id: id,
    component_ref: it.artifact(`${id}.wasm`, bytes),
    host_id: it.host.id,
    count: 4,
    config: [],
    allow_update: false,
    annotations: app === undefined ? {} : { 'wasmcloud.dev/appspec': app },
    ...(limits === undefined ? {} : { component_limits: limits }),
  });
  await eventually(`outcome of ${id}`, () => outcome() !== undefined, timeoutMs);
  const event = outcome() as LatticeEvent;
  const text = typeof event.data['error'] === 'string' ? event.data['error'] : '';
  const code = /^ERR_[A-Z_]+/.exec(text)?.[0];
  if (event.name === 'component_scaled') await eventually(`listener of ${id}`, () => isOpen(it, port));
  return { port, event, outcome: code ?? event.name, text };
}

function isOpen(it: Fixture, port: number): boolean {
  return it.logs.some(
    ({ message, fields }) => message === 'http listener open' && fields['address'] === `127.0.0.1:${port}`,
  );
}

/** The code under which the host logged the failure of one request. */
export function loggedCode(it: Fixture, requestId: unknown): unknown {
  return it.logs.find(({ fields }) => fields['requestId'] === requestId)?.fields['code'];
}
