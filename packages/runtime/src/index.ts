export { ComponentError, ResultError, RUNTIME_ERRORS, Trap } from './errors.ts';
export type { ComponentErrorCode } from './errors.ts';
export { defaultCompileLimits, defaultInstanceLimits } from './binary/limits.ts';
export type { CompileLimits, InstanceLimits } from './binary/limits.ts';
export type { CoreModule } from './engine.ts';
export { compileComponent, describeImports } from './link/compile.ts';
export { instantiateComponent } from './link/instantiate.ts';
export { suspending } from './link/host.ts';
export { checkSignatures, describeSignatures } from './link/signatures.ts';
export type { Signatures } from './link/signatures.ts';
export type {
  CompiledComponent,
  ComponentExport,
  ComponentImport,
  ComponentInstance,
  ExportedClass,
  ExportedFunction,
  ExportedInterface,
  ExternKind,
  HostClass,
  HostFunction,
  ImportInterface,
  ImportObject,
  InstanceStats,
} from './link/component.ts';
export { defaultLimits } from './worker/limits.ts';
export { startComponentPool } from './worker/pool.ts';
export type {
  ComponentPool,
  ComponentPoolOptions,
  Grants,
  HttpRequest,
  HttpResponse,
  IdentitySource,
  Limits,
  LogEntry,
  LogLevel,
  PoolStats,
} from './worker/types.ts';
