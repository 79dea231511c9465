import { Context } from '../abi/context.ts';
import { lowerComponentFunction } from '../abi/component-call.ts';
import type { CodecTable } from '../abi/codec.ts';
import type { GuestFunction } from '../abi/guest-function.ts';
import { lowerHostFunction } from '../abi/host-call.ts';
import { dropResource, resourceBuiltin } from '../abi/resources.ts';
import { InstanceState, Root } from '../abi/state.ts';
import { toTrap } from '../abi/traps.ts';
import type { InstanceLimits } from '../binary/limits.ts';
import { engine, type CoreFunction, type CoreInstance, type CoreMemory, type CoreModule } from '../engine.ts';
import { ComponentError } from '../errors.ts';
import type { CompiledComponent, ImportObject, InstanceStats } from './component.ts';
import type { ExportSource } from './exports.ts';
import { HostImports, type FoundFunction } from './host.ts';
import type { ResourceClass } from './resource-class.ts';
import type {
  ContextPlan,
  CoreRef,
  HostTarget,
  InstantiateStep,
  LiftTarget,
  LowerStep,
  Plan,
} from './steps.ts';
import { findSuspending } from './suspension.ts';
import type { ResourceType } from './types.ts';

/** Runs the steps of a plan once, with fresh state. */
export class Replay implements ExportSource {
  readonly #plan: Plan;
  readonly #modules: readonly CoreModule[];
  readonly #instances: CoreInstance[] = [];
  readonly #functions: CoreFunction[] = [];
  readonly #contexts: (Context | undefined)[] = [];
  readonly #found = new Map<HostTarget, FoundFunction>();
  readonly #guestFunctions = new Map<LiftTarget, GuestFunction>();
  readonly #suspending: ReadonlySet<number>;
  readonly #memories = new Set<CoreMemory>();
  readonly classes: Map<ResourceType, ResourceClass> = new Map();
  readonly codecs: CodecTable;
  readonly host: HostImports;
  readonly root: Root;

  constructor(compiled: CompiledComponent, imports: ImportObject, limits: InstanceLimits) {
    this.#plan = compiled.plan;
    this.#modules = compiled.modules;
    this.codecs = compiled.plan.codecs;
    this.host = new HostImports(imports);
    this.root = new Root(limits);
    for (const name of this.#plan.interfaces) this.host.requireInterface(name);
    for (const resource of this.#plan.resources) {
      if (resource.host !== undefined) this.root.hostClasses[resource.id] = this.host.class(resource);
    }
    for (let index = 0; index < this.#plan.instances; index++) {
      this.root.instances.push(new InstanceState(this.root, index));
    }
    for (const step of this.#plan.steps) {
      if (step.kind === 'lower' && step.target.kind === 'host') {
        this.#found.set(step.target, this.host.function(step.target, step.type));
      }
    }
    this.#suspending = findSuspending(this.#plan, (target) => this.#found.get(target)?.canSuspend ?? false);
  }

  run(): void {
    const { root } = this;
    root.isBusy = true;
    for (const step of this.#plan.steps) {
      switch (step.kind) {
        case 'instantiate':
          this.#instantiate(step);
          break;
        case 'lower':
          this.#functions.push(this.#lower(step));
          break;
        case 'resourceNew':
        case 'resourceRep':
        case 'resourceDrop':
          this.#functions.push(
            resourceBuiltin(
              step.kind,
              this.#state(step.instance),
              step.resource,
              this.#destructor(step.resource),
            ),
          );
      }
    }
    root.isBusy = false;
  }

  /** Makes the wrapper classes known to the codecs of guest resources. */
  bindClasses(): void {
    for (const [resource, made] of this.classes) this.root.guestResources[resource.id] = made;
  }

  #instantiate(step: InstantiateStep): void {
    const imports = Object.create(null) as Record<string, Record<string, unknown>>;
    for (const { module, name, ref } of step.imports) {
      const fields = (imports[module] ??= Object.create(null) as Record<string, unknown>);
      fields[name] = this.#resolve(ref);
    }
    let instance: CoreInstance;
    try {
      instance = new engine.Instance(this.#modules[step.module] as CoreModule, imports);
    } catch (error) {
      throw this.#startFailure(error);
    }
    this.#instances.push(instance);
  }

  #startFailure(error: unknown): ComponentError {
    if (this.root.trap !== undefined) return this.root.trap;
    if (error instanceof engine.LinkError || error instanceof TypeError) {
      return new ComponentError('ERR_LINK_FAILED', `A core module does not link: ${error.message}`, {
        cause: error,
      });
    }
    if (error instanceof RangeError && error.message !== 'Maximum call stack size exceeded') {
      return new ComponentError('ERR_LINK_FAILED', `A core module does not start: ${error.message}`, {
        cause: error,
      });
    }
    return this.root.fail(toTrap(error));
  }

  #resolve(ref: CoreRef): unknown {
    return 'function' in ref
      ? this.#functions[ref.function]
      : this.#instances[ref.instance]?.exports[ref.name];
  }

  #state(index: number): InstanceState {
    return this.root.instances[index] as InstanceState;
  }

  #context(index: number): Context {
    let context = this.#contexts[index];
    if (context === undefined) {
      const plan = this.#plan.contexts[index] as ContextPlan;
      const memory = plan.memory === undefined ? undefined : (this.#resolve(plan.memory) as CoreMemory);
      const realloc = plan.realloc === undefined ? undefined : (this.#resolve(plan.realloc) as CoreFunction);
      if (memory !== undefined) this.#memories.add(memory);
      context = new Context(this.#state(plan.instance), plan.encoding, memory, realloc);
      this.#contexts[index] = context;
    }
    return context;
  }

  #lower({ context, type, target }: LowerStep): CoreFunction {
    const cx = this.#context(context);
    if (target.kind === 'lift') return lowerComponentFunction(cx, this.guestFunction(target), this.codecs);
    const { call, canSuspend } = this.#found.get(target) as FoundFunction;
    return lowerHostFunction(cx, type, this.codecs, call, canSuspend);
  }

  guestFunction(target: LiftTarget): GuestFunction {
    let fn = this.#guestFunctions.get(target);
    if (fn === undefined) {
      const { core, postReturn, type, context, instance } = target;
      fn = {
        cx: this.#context(context),
        type,
        core: this.#resolve(core) as CoreFunction,
        postReturn: postReturn === undefined ? undefined : (this.#resolve(postReturn) as CoreFunction),
        canSuspend: this.#suspending.has(instance),
      };
      this.#guestFunctions.set(target, fn);
    }
    return fn;
  }

  /** The destructor's core function may be made by a later step, so it is looked up when it is needed. */
  #destructor(resource: ResourceType): () => CoreFunction | undefined {
    const ref = this.#plan.destructors.get(resource);
    return () => (ref === undefined ? undefined : (this.#resolve(ref) as CoreFunction));
  }

  /** Drops a guest's resource on behalf of the host. */
  drop(resource: ResourceType, rep: number): void {
    const { root } = this;
    root.enter();
    try {
      dropResource(root, undefined, resource, rep, this.#destructor(resource));
    } catch (error) {
      throw root.fail(error);
    } finally {
      root.isBusy = false;
    }
  }

  stats(): InstanceStats {
    let memoryBytes = 0;
    for (const memory of this.#memories) memoryBytes += memory.buffer.byteLength;
    let handles = 0;
    for (const state of this.root.instances) handles += state.handles.live;
    return { memoryBytes, handles };
  }
}
