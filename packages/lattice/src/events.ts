import { randomUUID } from 'node:crypto';
import type { Clock } from './clock.ts';
import type { Link, LinkKey } from './control.ts';
import { encodeMessage } from './control.ts';
import { LatticeError } from './errors.ts';
import { LATTICE_EVENTS } from './event-catalogue.ts';
import type { HostInventory } from './inventory.ts';
import { JsonReader } from './json.ts';
import type { JsonObject } from './json.ts';

/** Data of each lattice event that Muster publishes, as wasmCloud v1 spells it. */
export interface LatticeEventData {
  readonly host_started: {
    readonly friendly_name: string;
    readonly labels: Readonly<Record<string, string>>;
    readonly uptime_seconds: number;
    readonly version: string;
  };
  readonly host_stopped: { readonly labels: Readonly<Record<string, string>> };
  readonly host_heartbeat: HostInventory;
  readonly component_scaled: ComponentScaled;
  readonly component_scale_failed: ComponentScaled & { readonly error: string };
  readonly linkdef_set: Link;
  readonly linkdef_set_failed: Link & { readonly error: string };
  readonly linkdef_deleted: LinkKey & { readonly target?: string; readonly interfaces?: readonly string[] };
  readonly config_set: { readonly config_name: string };
  readonly config_deleted: { readonly config_name: string };
}

export interface ComponentScaled {
  readonly annotations: Readonly<Record<string, string>>;
  readonly component_id: string;
  readonly host_id: string;
  readonly image_ref: string;
  readonly max_instances: number;
}

export type LatticeEventName = keyof LatticeEventData;

/** Every event that hosts publish. */
export const eventNames: readonly LatticeEventName[] = Object.keys(LATTICE_EVENTS) as LatticeEventName[];

const TYPE_PREFIX = 'com.wasmcloud.lattice.';

/** A CloudEvents 1.0 event of a lattice in structured mode. */
export interface LatticeEvent {
  readonly specversion: '1.0';
  readonly id: string;
  readonly type: string;
  /** Host id of the sender. Whoever may publish events can write any. */
  readonly source: string;
  readonly datacontenttype: 'application/json';
  /** RFC 3339. */
  readonly time: string;
  readonly data: JsonObject;
  /** The event's name: `type` without its prefix. */
  readonly name: string;
}

/** The bytes of one event, to be published on `eventSubject(lattice, name)`. */
export function createEvent<N extends LatticeEventName>(
  name: N,
  source: string,
  data: LatticeEventData[N],
  clock: Pick<Clock, 'now'>,
): Uint8Array {
  return encodeMessage({
    specversion: '1.0',
    id: randomUUID(),
    type: `${TYPE_PREFIX}${name}`,
    source,
    datacontenttype: 'application/json',
    time: new Date(clock.now()).toISOString(),
    data,
  });
}

/**
 * Decodes any event of a lattice, also ones that `LatticeEventData` does not list. Throws ERR_MESSAGE_MALFORMED when the
 * CloudEvents attributes are missing or wrong; `data` is only known to be an object.
 */
export function parseEvent(bytes: Uint8Array | string): LatticeEvent {
  const json = JsonReader.decode('lattice event', bytes);
  const type = json.string('type');
  return {
    specversion: expectText(json, 'specversion', '1.0'),
    id: json.string('id'),
    type,
    source: json.string('source'),
    datacontenttype: expectText(json, 'datacontenttype', 'application/json'),
    time: json.string('time'),
    data: json.object('data'),
    name: type.startsWith(TYPE_PREFIX) ? type.slice(TYPE_PREFIX.length) : type,
  };
}

function expectText<T extends string>(json: JsonReader, key: string, wanted: T): T {
  const text = json.string(key, wanted);
  if (text !== wanted)
    throw new LatticeError(
      'ERR_MESSAGE_MALFORMED',
      `Cannot parse lattice event: "${key}" must be "${wanted}"`,
    );
  return wanted;
}
