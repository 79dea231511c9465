import type { CommandEntry } from '../command.ts';

/** Every command, in the order of the help. */
export const commands: readonly CommandEntry[] = [
  {
    name: 'dev',
    summary: 'Start a whole lattice on this machine, with a component that answers HTTP',
    load: async () => (await import('./dev/command.ts')).command,
  },
  {
    name: 'host list',
    summary: 'Show the hosts of a lattice',
    load: async () => (await import('./host/list.ts')).command,
  },
  {
    name: 'host prepare',
    summary: 'Make the buckets and the audit stream of a lattice, which hosts may not make',
    load: async () => (await import('./host/prepare.ts')).command,
  },
  {
    name: 'component list',
    summary: 'Show the components of a lattice',
    load: async () => (await import('./component/list.ts')).command,
  },
  {
    name: 'connection list',
    summary: 'Show who is connected to NATS, and by which identity',
    load: async () => (await import('./connection/list.ts')).command,
  },
  {
    name: 'audit verify',
    summary: 'Check that nobody touched the audit records',
    load: async () => (await import('./audit/verify.ts')).command,
  },
  {
    name: 'identity run',
    summary: 'Run the identity authority by itself',
    load: async () => (await import('./identity/run.ts')).command,
  },
  {
    name: 'nats run',
    summary: 'Become a nats-server that has an identity and asks the callout about every client',
    load: async () => (await import('./nats/run.ts')).command,
  },
  {
    name: 'callout run',
    summary: 'Run the auth callout by itself',
    load: async () => (await import('./callout/run.ts')).command,
  },
  {
    name: 'host run',
    summary: 'Run a host by itself',
    load: async () => (await import('./host/run.ts')).command,
  },
];
