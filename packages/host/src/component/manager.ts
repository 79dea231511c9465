import { randomUUID } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import type { AuditEntry, ComponentScaled, Logger, ScaleComponent } from '@muster/lattice';
import type { Artifact } from '../artifact.ts';
import { describeFailure } from '../failure.ts';
import type { LatticeState } from '../state/lattice-state.ts';
import { fetchMergedConfig, mergeConfig } from './config.ts';
import type { ComponentPlan, RunningComponent } from './running.ts';

/** What the manager needs from the host. */
export interface ComponentManagerDeps {
  readonly state: Pick<LatticeState, 'config' | 'fetchConfig' | 'recordComponent'>;
  readonly fetchArtifact: (reference: string) => Promise<Artifact>;
  readonly start: (
    plan: ComponentPlan,
    artifact: Artifact,
    config: Readonly<Record<string, string>>,
  ) => Promise<RunningComponent>;
  readonly onScaled: (data: ComponentScaled) => void;
  readonly onScaleFailed: (data: ComponentScaled & { readonly error: string }) => void;
  /** Called after the set of running components changed. */
  readonly onChange: () => void;
  readonly audit: (entry: AuditEntry) => void;
  readonly logger: Logger;
  readonly drainMs: number;
}

/** The components of one host. Commands for one id run one after the other, those for different ids side by side. */
export interface ComponentManager {
  get(id: string): RunningComponent | undefined;
  list(): readonly RunningComponent[];
  /** Takes the command; its outcome is `onScaled` or `onScaleFailed`. Never rejects. */
  scale(command: ScaleComponent): Promise<void>;
  /** Gives every running component the current values of its configs. */
  refreshConfigs(): void;
  stop(): Promise<void>;
}

export function createComponentManager(deps: ComponentManagerDeps): ComponentManager {
  const { state, logger, drainMs } = deps;
  const components = new Map<string, RunningComponent>();
  const queues = new Map<string, Promise<void>>();
  const retiring = new Set<Promise<void>>();
  let isStopped = false;

  const retire = (component: RunningComponent): void => {
    const done = component
      .stop(drainMs)
      .catch((error: unknown) =>
        logger.warn('component did not stop cleanly', { component: component.plan.id, error }),
      )
      .finally(() => retiring.delete(done));
    retiring.add(done);
  };
  const replace = (id: string, next: RunningComponent | undefined): void => {
    const before = components.get(id);
    if (next === undefined) {
      components.delete(id);
    } else {
      components.set(id, next);
    }
    deps.onChange();
    if (before !== undefined) {
      retire(before);
    }
  };

  const apply = async (command: ScaleComponent): Promise<ComponentPlan | undefined> => {
    const before = components.get(command.component_id);
    if (command.count === 0) {
      if (before !== undefined) {
        replace(command.component_id, undefined);
      }
      return before?.plan;
    }
    const isUpdate =
      before === undefined || (command.allow_update && command.component_ref !== before.plan.reference);
    const plan = planOf(command, isUpdate ? undefined : before?.plan);
    const config = await fetchMergedConfig(plan.configNames, (name) => state.fetchConfig(name));
    if (before !== undefined && isSameRun(before.plan, plan)) {
      before.setConfig(config, plan.configNames);
      return plan;
    }
    // The same bytes go on unless the command asks for an update: a file that changed meanwhile must not slip in.
    const artifact = isUpdate ? await deps.fetchArtifact(plan.reference) : before.artifact;
    const next = await deps.start(plan, artifact, config);
    if (isStopped) {
      await next.stop(0);
      return plan;
    }
    replace(plan.id, next);
    await record(plan, before !== undefined);
    return plan;
  };
  const record = async (plan: ComponentPlan, isUpdate: boolean): Promise<void> => {
    try {
      await state.recordComponent(plan.id, plan.reference, { isUpdate });
    } catch (error) {
      // The component runs; the spec's reference is for people, and the next start writes it again.
      logger.warn('component spec not written', { component: plan.id, error });
    }
  };

  const run = async (command: ScaleComponent): Promise<void> => {
    const requestId = randomUUID();
    try {
      const plan = await apply(command);
      deps.onScaled(scaled(command, plan));
      logger.info('component scaled', { requestId, component: command.component_id, count: command.count });
    } catch (error) {
      const { code, text } = describeFailure(error);
      logger.warn('component scale failed', { requestId, component: command.component_id, code, error });
      audit(command, requestId, code);
      deps.onScaleFailed({ ...scaled(command, undefined), error: text });
    }
  };
  const audit = (command: ScaleComponent, requestId: string, code: string): void => {
    try {
      deps.audit({
        requestId,
        spiffeId: null,
        decision: 'deny',
        rule: 'component-scale',
        reason: code,
        details: {
          componentId: command.component_id,
          reference: command.component_ref,
          count: command.count,
        },
      });
    } catch (error) {
      logger.error('audit record not written', { requestId, error });
    }
  };

  return {
    get: (id) => components.get(id),
    list: () => [...components.values()],
    scale(command) {
      const id = command.component_id;
      const next = (queues.get(id) ?? Promise.resolve()).then(() => (isStopped ? undefined : run(command)));
      queues.set(id, next);
      return next.finally(() => {
        if (queues.get(id) === next) {
          queues.delete(id);
        }
      });
    },
    refreshConfigs() {
      for (const component of components.values()) {
        component.setConfig(mergeConfig(component.plan.configNames, (name) => state.config(name)));
      }
    },
    async stop() {
      isStopped = true;
      await Promise.all(queues.values());
      for (const component of components.values()) {
        retire(component);
      }
      components.clear();
      deps.onChange();
      await Promise.all(retiring);
    },
  };
}

/** On a running component reference and annotations stay those of its start, as in v1; an update takes all from the command. */
function planOf(command: ScaleComponent, before: ComponentPlan | undefined): ComponentPlan {
  return {
    id: command.component_id,
    reference: before?.reference ?? command.component_ref,
    annotations: before?.annotations ?? command.annotations ?? {},
    count: command.count,
    configNames: command.config,
    limits: command.component_limits,
  };
}

function isSameRun(a: ComponentPlan, b: ComponentPlan): boolean {
  return (
    a.reference === b.reference && a.count === b.count && isDeepStrictEqual({ ...a.limits }, { ...b.limits })
  );
}

function scaled(command: ScaleComponent, plan: ComponentPlan | undefined): ComponentScaled {
  return {
    annotations: plan?.annotations ?? command.annotations ?? {},
    component_id: command.component_id,
    host_id: command.host_id,
    image_ref: plan?.reference ?? command.component_ref,
    max_instances: command.count,
  };
}
