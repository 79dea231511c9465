import { decodeJson, JsonReader, parseStringMap } from './json.ts';
import { LatticeError } from './errors.ts';
import { parseInventory } from './inventory.ts';
import type { HostInventory } from './inventory.ts';

/*
 * Bodies of the wasmCloud v1 control interface. The types are the JSON of the wire, with its names, so that a capture of
 * a real host and a value of these types compare directly. Fields that v1 does not know are ignored, as v1 hosts do.
 */

/** Envelope of every reply. `success` means accepted, not done, for component.scale and host.stop. */
export interface CtlResponse<T> {
  readonly success: boolean;
  /** Text for people; may be empty. */
  readonly message: string;
  readonly response?: T;
}

/** Reply of each host to host.ping. */
export interface HostPing {
  /** Public nkey `N...` of the host, new at each start; says nothing about trust. */
  readonly id: string;
  readonly friendly_name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly lattice: string;
  readonly uptime_seconds: number;
  readonly uptime_human?: string;
  readonly version?: string;
  readonly ctl_host?: string;
  readonly rpc_host?: string;
  readonly js_domain?: string;
}

/** Largest `count`, by convention "no bound". */
export const UNBOUNDED_COUNT = 4_294_967_295;

/** Body of component.scale. `count` 0 stops the component. */
export interface ScaleComponent {
  readonly component_ref: string;
  readonly component_id: string;
  readonly host_id: string;
  /** Most calls in flight at once. */
  readonly count: number;
  readonly config: readonly string[];
  readonly allow_update: boolean;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly component_limits?: Readonly<Record<string, string>>;
}

/** One link, as in link.put, link.get, the store and `linkdef_set`. */
export interface Link {
  readonly source_id: string;
  readonly target: string;
  readonly name: string;
  readonly wit_namespace: string;
  readonly wit_package: string;
  readonly interfaces: readonly string[];
  readonly source_config: readonly string[];
  readonly target_config: readonly string[];
}

/** Body of link.del: what identifies a link. */
export interface LinkKey {
  readonly source_id: string;
  readonly name: string;
  readonly wit_namespace: string;
  readonly wit_package: string;
}

/** Body of host.stop. */
export interface StopHost {
  readonly host_id: string;
  /** Milliseconds the host may take. */
  readonly timeout?: number;
}

/** Value under `COMPONENT_{id}` in the lattice bucket: the links whose source is `id`. */
export interface ComponentSpec {
  /** Reference of the first start; empty when a link was put before it. */
  readonly url: string;
  readonly links: readonly Link[];
}

/** Throws ERR_MESSAGE_MALFORMED, like every `parse...` here. */
export function parseHostPing(value: unknown): HostPing {
  const json = new JsonReader('host.ping reply', value);
  return {
    id: json.string('id'),
    friendly_name: json.string('friendly_name'),
    labels: json.stringMap('labels'),
    lattice: json.string('lattice'),
    uptime_seconds: json.integer('uptime_seconds'),
    ...optionalStrings(json, ['uptime_human', 'version', 'ctl_host', 'rpc_host', 'js_domain']),
  };
}

export function parseScaleComponent(bytes: Uint8Array | string): ScaleComponent {
  const json = JsonReader.decode('component.scale', bytes);
  return {
    component_ref: json.string('component_ref', ''),
    component_id: nonEmpty('component.scale', 'component_id', json.string('component_id')),
    host_id: json.string('host_id', ''),
    count: json.integer('count', { fallback: 0, max: UNBOUNDED_COUNT }),
    config: json.strings('config', []),
    allow_update: json.boolean('allow_update', false),
    ...(json.has('annotations') ? { annotations: json.stringMap('annotations') } : {}),
    ...(json.has('component_limits') ? { component_limits: json.stringMap('component_limits') } : {}),
  };
}

export function parseLink(value: Uint8Array | string | JsonReader): Link {
  const json = value instanceof JsonReader ? value : JsonReader.decode('link', value);
  return {
    source_id: nonEmpty('link', 'source_id', json.string('source_id')),
    target: nonEmpty('link', 'target', json.string('target')),
    name: json.string('name', 'default'),
    wit_namespace: json.string('wit_namespace'),
    wit_package: json.string('wit_package'),
    interfaces: json.strings('interfaces'),
    source_config: json.strings('source_config', []),
    target_config: json.strings('target_config', []),
  };
}

export function parseLinkKey(bytes: Uint8Array | string): LinkKey {
  const json = JsonReader.decode('link.del', bytes);
  return {
    source_id: nonEmpty('link.del', 'source_id', json.string('source_id')),
    name: json.string('name', 'default'),
    wit_namespace: json.string('wit_namespace'),
    wit_package: json.string('wit_package'),
  };
}

/** Body of config.put and response of config.get: a map of strings (null prototype). */
export function parseConfig(bytes: Uint8Array | string): Readonly<Record<string, string>> {
  return parseStringMap('config', decodeJson('config', bytes));
}

/** An empty body is accepted and names no host. */
export function parseStopHost(bytes: Uint8Array | string): StopHost {
  if (bytes.length === 0) return { host_id: '' };
  const json = JsonReader.decode('host.stop', bytes);
  return {
    host_id: json.string('host_id', ''),
    ...(json.has('timeout') ? { timeout: json.integer('timeout') } : {}),
  };
}

export function parseComponentSpec(bytes: Uint8Array | string): ComponentSpec {
  const json = JsonReader.decode('component spec', bytes);
  return { url: json.string('url', ''), links: json.objects('links', []).map(parseLink) };
}

/** Decodes a reply and its payload by `parse`; without `parse` the payload is dropped. */
export function parseCtlResponse<T>(
  bytes: Uint8Array | string,
  parse?: (response: unknown) => T,
): CtlResponse<T> {
  const json = JsonReader.decode('control reply', bytes);
  const envelope = { success: json.boolean('success'), message: json.string('message') };
  const response = json.value('response');
  if (response === undefined || response === null || parse === undefined) return envelope;
  return { ...envelope, response: parse(response) };
}

/** Payload of link.get. */
export function parseLinks(value: unknown): readonly Link[] {
  return new JsonReader('link.get reply', { links: value }).objects('links').map(parseLink);
}

/** Payload of host.get. */
export function parseHostInventory(value: unknown): HostInventory {
  return parseInventory(value);
}

/** The bytes of a reply, request or stored value. */
export function encodeMessage(value: object): Uint8Array {
  return Buffer.from(JSON.stringify(value), 'utf8');
}

/** A successful reply; `response` is left out when undefined. */
export function accepted<T>(message: string, response?: T): CtlResponse<T> {
  return response === undefined ? { success: true, message } : { success: true, message, response };
}

export function refused(message: string): CtlResponse<never> {
  return { success: false, message };
}

function nonEmpty(what: string, key: string, text: string): string {
  if (text !== '') return text;
  throw new LatticeError('ERR_MESSAGE_MALFORMED', `Cannot parse ${what}: "${key}" is empty`);
}

function optionalStrings<K extends string>(json: JsonReader, keys: readonly K[]): { [Key in K]?: string } {
  const found: { [Key in K]?: string } = {};
  for (const key of keys) if (json.has(key)) found[key] = json.string(key);
  return found;
}
