import { describeImports, startComponentPool } from '@muster/runtime';
import type { ComponentPool, LogEntry } from '@muster/runtime';
import { sleep } from '@muster/lattice';
import type { Clock } from '@muster/lattice';
import type { HttpHandler } from '@muster/providers';
import type { Artifact } from '../artifact.ts';
import type { ComponentDefaults } from '../config.ts';
import { HostError } from '../errors.ts';
import type { ComponentIdentity } from './identity.ts';
import { componentLimits } from './limits.ts';

/** The part of the runtime a host uses. */
export interface ComponentRuntime {
  readonly describeImports: typeof describeImports;
  readonly startComponentPool: typeof startComponentPool;
}

/** The real one. */
export const componentRuntime: ComponentRuntime = { describeImports, startComponentPool };

/** What the operator asked for, as it is in force. */
export interface ComponentPlan {
  readonly id: string;
  readonly reference: string;
  readonly annotations: Readonly<Record<string, string>>;
  readonly count: number;
  readonly configNames: readonly string[];
  readonly limits: Readonly<Record<string, string>> | undefined;
}

/** A component that answers. */
export interface RunningComponent {
  readonly plan: ComponentPlan;
  readonly artifact: Artifact;
  readonly handle: HttpHandler;
  /** The next call sees the new values; notes the new names where given. */
  setConfig(config: Readonly<Record<string, string>>, names?: readonly string[]): void;
  /** Takes no new calls, waits up to `drainMs` for running ones, then ends the workers and the identity. */
  stop(drainMs: number): Promise<void>;
}

/** What starting a component needs from the host. */
export interface StartComponentDeps {
  readonly runtime: ComponentRuntime;
  readonly defaults: ComponentDefaults;
  readonly createIdentity: (plan: ComponentPlan, artifact: Artifact) => ComponentIdentity | undefined;
  readonly onLog: (plan: ComponentPlan, entry: LogEntry) => void;
  readonly clock: Clock;
}

export const IDENTITY_INTERFACE = 'wasmcloud:identity/store';

/**
 * Checks what the component imports and starts its workers. Throws HostError `ERR_IMPORT_NOT_GRANTED`,
 * `ERR_IDENTITY_UNAVAILABLE`, `ERR_COMPONENT_LIMIT_INVALID`, and every code of the runtime's ComponentError.
 */
export async function startComponent(
  plan: ComponentPlan,
  artifact: Artifact,
  config: Readonly<Record<string, string>>,
  deps: StartComponentDeps,
): Promise<RunningComponent> {
  const limits = componentLimits(deps.defaults, plan.count, plan.limits);
  const imports = deps.runtime.describeImports(artifact.bytes);
  const wantsIdentity = imports.some(({ name }) => name === IDENTITY_INTERFACE);
  const identity = wantsIdentity ? deps.createIdentity(plan, artifact) : undefined;
  try {
    if (wantsIdentity && (identity === undefined || !(await identity.isIssued()))) {
      throw new HostError(
        'ERR_IMPORT_NOT_GRANTED',
        `Cannot start component "${plan.id}": its import "${IDENTITY_INTERFACE}" needs a registration entry that matches`,
      );
    }
    const pool = await deps.runtime.startComponentPool({
      name: plan.id,
      bytes: artifact.bytes,
      grants: { interfaces: identity === undefined ? [] : [IDENTITY_INTERFACE] },
      config,
      limits: limits.pool,
      workers: limits.workers,
      instancePolicy: deps.defaults.instancePolicy,
      onLog: (entry) => deps.onLog(plan, entry),
      ...(identity === undefined ? {} : { identity }),
    });
    return running({ plan, artifact, config, pool, identity, clock: deps.clock });
  } catch (error) {
    identity?.close();
    throw error;
  }
}

function running(parts: {
  readonly plan: ComponentPlan;
  readonly artifact: Artifact;
  readonly config: Readonly<Record<string, string>>;
  readonly pool: ComponentPool;
  readonly identity: ComponentIdentity | undefined;
  readonly clock: Clock;
}): RunningComponent {
  const { artifact, pool, identity, clock } = parts;
  let { plan } = parts;
  let config = JSON.stringify(parts.config);
  return {
    get plan() {
      return plan;
    },
    artifact,
    handle: (request, context) => pool.handleHttp(request, context),
    setConfig(values, names) {
      if (names !== undefined) {
        plan = { ...plan, configNames: names };
      }
      const next = JSON.stringify(values);
      if (next !== config) {
        config = next;
        pool.setConfig(values);
      }
    },
    async stop(drainMs) {
      const until = clock.now() + drainMs;
      for (let stats = pool.stats(); stats.inFlight + stats.queued > 0; stats = pool.stats()) {
        if (clock.now() >= until) {
          break;
        }
        await sleep(clock, 25);
      }
      identity?.close();
      await pool.stop();
    },
  };
}
