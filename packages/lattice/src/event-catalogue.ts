import type { Link } from './control.ts';
import type { DescribedFields, FieldDescriptions } from './described-fields.ts';
import type { ComponentScaled, LatticeEvent, LatticeEventData, LatticeEventName } from './events.ts';
import type { ComponentDescription, ProviderDescription } from './inventory.ts';

/** One event: when a host publishes it, and its data. */
export interface EventDescription<Data> {
  readonly when: string;
  readonly data: DescribedFields<Data>;
}

/** The CloudEvents attributes around the data of every event. */
export const EVENT_ATTRIBUTES: DescribedFields<Omit<LatticeEvent, 'name'>> = {
  specversion: { type: 'text', meaning: '`1.0`' },
  id: { type: 'text', meaning: 'A random UUID, new for each event.' },
  type: { type: 'text', meaning: '`com.wasmcloud.lattice.<event>`' },
  source: { type: 'text', meaning: 'Id of the host that published it. Not proven: hosts may write any.' },
  datacontenttype: { type: 'text', meaning: '`application/json`' },
  time: { type: 'text', meaning: 'When it was published, RFC 3339 with milliseconds, UTC.' },
  data: { type: 'object', meaning: 'What happened; see each event.' },
};

const LABELS = {
  type: 'map of texts',
  meaning: 'Labels of the host: `hostcore.arch`, `hostcore.os`, `hostcore.osfamily`, and those of `--label`.',
} as const;
const VERSION = { type: 'text', meaning: 'Version of the host, a semantic version.' } as const;
const FRIENDLY_NAME = { type: 'text', meaning: "The host's `--name`." } as const;
const ANNOTATIONS = {
  type: 'map of texts',
  meaning: 'Annotations of the scale command; `wasmcloud.dev/appspec` names the application.',
} as const;

const SCALED: DescribedFields<ComponentScaled> = {
  annotations: ANNOTATIONS,
  component_id: { type: 'text', meaning: 'Id of the component in the lattice.' },
  host_id: { type: 'text', meaning: 'The host, as the command named it.' },
  image_ref: { type: 'text', meaning: 'Reference of the component, `file://...`.' },
  max_instances: { type: 'integer', meaning: 'Calls at once that were asked for; 0 means it was stopped.' },
};

const LINK: DescribedFields<Link> = {
  source_id: { type: 'text', meaning: 'Id of the source: a component, or `http-server`.' },
  target: { type: 'text', meaning: 'Id of the target.' },
  name: { type: 'text', meaning: 'Name of the link, by default `default`.' },
  wit_namespace: { type: 'text', meaning: 'Namespace of the interfaces, `wasi`.' },
  wit_package: { type: 'text', meaning: 'Package of the interfaces, `http`.' },
  interfaces: { type: 'list of texts', meaning: 'Names of the interfaces, `incoming-handler`.' },
  source_config: { type: 'list of texts', meaning: 'Names of configs that are for the source.' },
  target_config: { type: 'list of texts', meaning: 'Names of configs that are for the target.' },
};

const ERROR = { type: 'text', meaning: 'Why, for people.' } as const;
const CONFIG_NAME = {
  type: 'text',
  meaning: 'Name of the config. Its values are not in the event.',
} as const;

/** Every event that hosts publish, in the order of a host's life. `eventNames` and docs/events.md are made from it. */
export const LATTICE_EVENTS: {
  readonly [Name in LatticeEventName]: EventDescription<LatticeEventData[Name]>;
} = {
  host_started: {
    when: 'Once in the life of a host process, when both of its connections are there and it has read the state of the lattice.',
    data: {
      friendly_name: FRIENDLY_NAME,
      labels: LABELS,
      uptime_seconds: { type: 'integer', meaning: 'Always 0.' },
      version: VERSION,
    },
  },
  host_heartbeat: {
    when: 'Every `--heartbeat-interval` (30 s), and at once when a host that had lost its identity or its connections is back.',
    data: {
      components: { type: 'list of objects', meaning: 'The components that run on the host, see below.' },
      providers: {
        type: 'list of objects',
        meaning: 'The providers of the host, see below; always the built-in `http-server`.',
      },
      host_id: { type: 'text', meaning: 'Public nkey `N...` of the host, new at each start.' },
      friendly_name: FRIENDLY_NAME,
      labels: LABELS,
      version: VERSION,
      uptime_human: { type: 'text', meaning: 'As `1h 2m 3s`.' },
      uptime_seconds: { type: 'integer', meaning: 'Seconds since the process started.' },
    },
  },
  host_stopped: {
    when: 'When a host ends in order, by `host.stop` or a signal, after its components have ended. A killed host publishes nothing.',
    data: { labels: LABELS },
  },
  component_scaled: {
    when: 'When a `component.scale` command took effect: the component runs with the new count, or has been stopped (0).',
    data: SCALED,
  },
  component_scale_failed: {
    when: 'When a `component.scale` command did not take effect; what ran before goes on.',
    data: {
      ...SCALED,
      error: { type: 'text', meaning: 'A stable code of the host or the runtime, `: `, and why.' },
    },
  },
  linkdef_set: { when: 'When a `link.put` stored a link.', data: LINK },
  linkdef_set_failed: {
    when: 'When a `link.put` was refused: a config is not there, another target is linked under that name, or the state cannot be written.',
    data: { ...LINK, error: ERROR },
  },
  linkdef_deleted: {
    when: 'When a `link.del` was answered for a source that has had links, also when none of them matched.',
    data: {
      source_id: LINK.source_id,
      name: LINK.name,
      wit_namespace: LINK.wit_namespace,
      wit_package: LINK.wit_package,
      target: {
        ...LINK.target,
        meaning: 'Target of the link that was removed; absent when none matched.',
        isOptional: true,
      },
      interfaces: {
        ...LINK.interfaces,
        meaning: 'Interfaces of the link that was removed; absent when none matched.',
        isOptional: true,
      },
    },
  },
  config_set: { when: 'When a `config.put` stored a config.', data: { config_name: CONFIG_NAME } },
  config_deleted: {
    when: 'When a `config.del` was answered, also for a name that was not there.',
    data: { config_name: CONFIG_NAME },
  },
};

/** The objects inside the lists of `host_heartbeat`. */
export const INVENTORY_LISTS: {
  readonly components: DescribedFields<ComponentDescription>;
  readonly providers: DescribedFields<ProviderDescription>;
} = {
  components: {
    id: { type: 'text', meaning: 'Id of the component in the lattice.' },
    image_ref: { type: 'text', meaning: 'Reference it was started from.' },
    name: {
      type: 'text',
      meaning: 'Not sent by our hosts: their components are not signed.',
      isOptional: true,
    },
    annotations: ANNOTATIONS,
    revision: { type: 'integer', meaning: 'Always 0: not signed.' },
    max_instances: { type: 'integer', meaning: 'Calls at once that were asked for.' },
    limits: {
      type: 'map of texts or null',
      meaning: '`component_limits` of the scale command; null when it had none.',
    },
  },
  providers: {
    id: { type: 'text', meaning: '`http-server`' },
    image_ref: { type: 'text', meaning: '`http-server`' },
    name: { type: 'text', meaning: 'Not sent by our hosts.', isOptional: true },
    revision: { type: 'integer', meaning: 'Always 0.' },
    annotations: { type: 'map of texts', meaning: 'Always empty.' },
  },
};

/** Fields by name, with the tie to their TypeScript type dropped. */
export function eventFields(name: LatticeEventName): FieldDescriptions {
  return LATTICE_EVENTS[name].data;
}
