import { JsonReader } from './json.ts';

/** Response of host.get and data of `host_heartbeat`, as wasmCloud v1 has it on the wire. */
export interface HostInventory {
  readonly components: readonly ComponentDescription[];
  readonly providers: readonly ProviderDescription[];
  readonly host_id: string;
  readonly friendly_name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly version: string;
  readonly uptime_human: string;
  readonly uptime_seconds: number;
}

export interface ComponentDescription {
  readonly id: string;
  readonly image_ref: string;
  readonly name?: string;
  readonly annotations: Readonly<Record<string, string>>;
  /** 0 when unsigned. */
  readonly revision: number;
  readonly max_instances: number;
  readonly limits: Readonly<Record<string, string>> | null;
}

export interface ProviderDescription {
  readonly id: string;
  readonly image_ref: string;
  readonly name?: string;
  readonly revision: number;
  readonly annotations: Readonly<Record<string, string>>;
}

/** Throws ERR_MESSAGE_MALFORMED. Accepts the older names `actors` and `id`. */
export function parseInventory(value: unknown): HostInventory {
  const json = new JsonReader('host inventory', value);
  return {
    components: json.objects(json.has('components') ? 'components' : 'actors').map(parseComponent),
    providers: json.objects('providers').map(parseProvider),
    host_id: json.string(json.has('host_id') ? 'host_id' : 'id'),
    friendly_name: json.string('friendly_name'),
    labels: json.stringMap('labels'),
    version: json.string('version', ''),
    uptime_human: json.string('uptime_human', ''),
    uptime_seconds: json.integer('uptime_seconds', { fallback: 0 }),
  };
}

function parseComponent(json: JsonReader): ComponentDescription {
  return {
    id: json.string('id'),
    image_ref: json.string('image_ref'),
    ...(json.has('name') ? { name: json.string('name') } : {}),
    annotations: json.has('annotations') ? json.stringMap('annotations') : {},
    revision: json.integer('revision', { fallback: 0, min: -2_147_483_648, max: 2_147_483_647 }),
    max_instances: json.integer('max_instances', { max: 4_294_967_295 }),
    limits: json.has('limits') ? json.stringMap('limits') : null,
  };
}

function parseProvider(json: JsonReader): ProviderDescription {
  return {
    id: json.string('id'),
    image_ref: json.string('image_ref', ''),
    ...(json.has('name') ? { name: json.string('name') } : {}),
    revision: json.integer('revision', { fallback: 0, min: -2_147_483_648, max: 2_147_483_647 }),
    annotations: json.has('annotations') ? json.stringMap('annotations') : {},
  };
}

/** `1h 2m 3s` as v1 writes it; parts that are zero are left out, `0s` for nothing. */
export function formatUptime(seconds: number): string {
  const parts: readonly (readonly [number, string])[] = [
    [Math.floor(seconds / 86_400), 'd'],
    [Math.floor(seconds / 3600) % 24, 'h'],
    [Math.floor(seconds / 60) % 60, 'm'],
    [Math.floor(seconds) % 60, 's'],
  ];
  const text = parts.filter(([amount]) => amount > 0).map(([amount, unit]) => `${amount}${unit}`);
  return text.length === 0 ? '0s' : text.join(' ');
}
