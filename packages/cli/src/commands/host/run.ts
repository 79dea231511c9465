import { jsonLogger, systemClock } from '@muster/lattice';
import type { Command } from '../../command.ts';
import { partOptions, serversOption, workloadApiOf, workloadApiOption } from '../../lattice/part-options.ts';
import { usage } from '../../options.ts';
import { dieWithParent } from '../../process/die-with-parent.ts';
import { runService } from '../../process/run-service.ts';

const SERVICE = 'host';

export const command: Command = {
  about: 'A host needs no keys: it proves who it is by the SVIDs that the Workload API gives it.',
  options: {
    name: {
      value: 'NAME',
      isRequired: true,
      help: 'Last part of the SPIFFE ID /lattice/<lattice>/host/<name>',
    },
    ...partOptions,
    ...serversOption,
    ...workloadApiOption,
    'delegated-api': {
      value: 'ADDRESS',
      help: 'Delegated Identity API; without it no component has an identity',
    },
    'allow-file-from': {
      value: 'FOLDER',
      isMultiple: true,
      help: 'Folder from which file:// components may be loaded',
    },
    label: { value: 'KEY=VALUE', isMultiple: true, help: 'Label of the host' },
    'heartbeat-interval': { value: 'DURATION', default: '30s', help: 'Time between heartbeats' },
    deadline: { value: 'DURATION', default: '30s', help: 'Longest time for one call of a component' },
    'memory-limit': {
      value: 'MIB',
      range: [1, 4_096],
      default: '256',
      help: 'Linear memory of one component instance',
    },
    'instance-policy': {
      value: 'POLICY',
      choices: ['reuse', 'fresh'],
      default: 'reuse',
      help: 'reuse, or fresh: a new instance for each call',
    },
    workers: { value: 'N', range: [1, 64], default: '1', help: 'Worker threads per component' },
    'audit-file': { value: 'FILE', help: 'Append audit records to this file' },
  },
  async run(options, io) {
    dieWithParent(options);
    const { startHost } = await import('@muster/host');
    const logger = jsonLogger(io.stderr, {
      service: SERVICE,
      level: options.isSet('verbose') ? 'debug' : 'info',
    });
    const delegatedApi = options.optional('delegated-api');
    const auditFile = options.optional('audit-file');
    const host = await startHost(
      {
        lattice: options.required('lattice'),
        trustDomain: options.required('trust-domain'),
        name: options.required('name'),
        servers: options.list('servers'),
        workloadApi: workloadApiOf(options, io),
        ...(delegatedApi === undefined ? {} : { delegatedApi }),
        ...(auditFile === undefined ? {} : { auditFile }),
        allowFileFrom: options.list('allow-file-from'),
        labels: parseLabels(options.list('label')),
        heartbeatIntervalMs: options.durationMs('heartbeat-interval') ?? 30_000,
        componentDefaults: {
          deadlineMs: options.durationMs('deadline') ?? 30_000,
          memoryBytes: options.integer('memory-limit') * 1_048_576,
          instancePolicy: options.required('instance-policy') === 'fresh' ? 'fresh' : 'reuse',
          workers: options.integer('workers'),
        },
      },
      { logger, clock: systemClock, signal: io.signal },
    );
    return runService(host, { service: SERVICE, hostId: host.id, spiffeId: host.spiffeId }, io, host.stopped);
  },
};

function parseLabels(labels: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    labels.map((label) => {
      const at = label.indexOf('=');
      if (at < 1) throw usage(`--label must be KEY=VALUE, not "${label}"`);
      return [label.slice(0, at), label.slice(at + 1)];
    }),
  );
}
