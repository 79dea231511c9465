import { dirname, join } from 'node:path';
import type { LatticeDir } from '@muster/lattice';
import type { parseLogLine } from '@muster/nats-server';
import { ENVIRONMENT } from '../../environment.ts';
import type { ChildPlan } from './child.ts';
import type { PreparedComponent } from './component.ts';
import { hostName, SERVER_NAME } from './identities.ts';
import type { DevKeys } from './keys.ts';
import type { DevOptions } from './options.ts';

/** What every plan needs to know about the lattice that is being started. */
export interface PlanContext {
  readonly options: DevOptions;
  readonly directory: LatticeDir;
  readonly workloadApi: string;
  readonly delegatedApi: string | undefined;
  readonly natsPort: number;
  readonly env: NodeJS.ProcessEnv;
}

const READY_TIMEOUT_MS = 30_000;

/** Folder of nats-server's files in the lattice directory. */
export const NATS_FOLDER = 'nats';

/** What a child inherits of the environment: nothing that could hold a secret of the person who started it. */
export function childEnvironment(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const passed = Object.entries(ENVIRONMENT).filter(([, { isPassedOn }]) => isPassedOn === true);
  return Object.fromEntries(passed.flatMap(([name]) => (env[name] === undefined ? [] : [[name, env[name]]])));
}

export function natsPlan(
  context: PlanContext,
  keys: DevKeys,
  program: string,
  parse: typeof parseLogLine,
): ChildPlan {
  const name = 'nats';
  return {
    name,
    arguments: commandLine('nats run', context, {
      name: SERVER_NAME,
      directory: join(context.directory.path, NATS_FOLDER),
      port: String(context.natsPort),
      program,
      'callout-issuer': keys.issuer,
      'callout-xkey': keys.xkey,
      'callout-user': keys.calloutUser,
      'system-user': keys.systemUser,
    }),
    env: childEnvironment(context.env),
    parseLine: (text) => ({ part: name, ...parse(text) }),
    isReady: ({ text }) => text === 'Server is ready',
    readyTimeoutMs: READY_TIMEOUT_MS,
  };
}

export function calloutPlan(context: PlanContext, keys: DevKeys): ChildPlan {
  return {
    name: 'callout',
    arguments: [
      ...commandLine('callout run', context, {
        'keys-fd': '3',
        servers: serverAddress(context),
        'audit-file': context.directory.auditFile('callout'),
      }),
      ...(context.options.calloutArguments ?? []),
    ],
    env: childEnvironment(context.env),
    keyDocument: () => keys.calloutDocument(),
    readyTimeoutMs: READY_TIMEOUT_MS,
  };
}

export function hostPlan(
  context: PlanContext,
  index: number,
  components: readonly PreparedComponent[],
): ChildPlan {
  const name = hostName(index);
  return {
    name,
    arguments: [
      ...commandLine('host run', context, {
        name,
        servers: serverAddress(context),
        'delegated-api': context.delegatedApi,
        'audit-file': context.directory.auditFile(name),
      }),
      ...components.flatMap(({ file }) => ['--allow-file-from', dirname(file)]),
      ...(context.options.hostArguments ?? []),
    ],
    env: childEnvironment(context.env),
    readyTimeoutMs: READY_TIMEOUT_MS,
  };
}

export function serverAddress(context: Pick<PlanContext, 'natsPort'>): string {
  return `tls://127.0.0.1:${String(context.natsPort)}`;
}

function commandLine(
  command: string,
  context: PlanContext,
  own: Readonly<Record<string, string | undefined>>,
): string[] {
  const { options, workloadApi } = context;
  const flags = {
    ...own,
    lattice: options.lattice,
    'trust-domain': options.trustDomain,
    'workload-api': workloadApi,
    'die-with-parent': String(process.pid),
  };
  return [
    ...command.split(' '),
    ...Object.entries(flags).flatMap(([name, value]) => (value === undefined ? [] : [`--${name}`, value])),
    ...(options.isVerbose === true ? ['--verbose'] : []),
  ];
}
