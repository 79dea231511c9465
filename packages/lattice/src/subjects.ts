import { createHash } from 'node:crypto';
import { LatticeError } from './errors.ts';
import { base32Encode } from './base32.ts';

/*
 * All subject text of the project stands in this file. Nothing else spells a subject.
 */

/** Prefix of the control interface unless configured otherwise (wasmCloud v1). */
export const DEFAULT_CONTROL_PREFIX = 'wasmbus.ctl';

/** Queue group that every callout instance joins. */
export const CALLOUT_QUEUE = 'muster-callout';

/** Subjects that nats-server itself defines. */
export const systemSubjects = {
  authorizationRequest: '$SYS.REQ.USER.AUTH',
  userInfo: '$SYS.REQ.USER.INFO',
  accountConnections: '$SYS.REQ.ACCOUNT.PING.CONNZ',
} as const;

const TOKEN = /^[A-Za-z0-9][A-Za-z0-9_-]{0,127}$/;

/** Throws ERR_SUBJECT_TOKEN unless `text` is a plain name: letters, digits, `-`, `_`, at most 128. */
export function assertToken(kind: string, text: string): string {
  if (!TOKEN.test(text)) {
    throw new LatticeError(
      'ERR_SUBJECT_TOKEN',
      `Cannot use ${kind} ${JSON.stringify(text)} in a subject: it must be one token of letters, digits, "-" and "_"`,
    );
  }
  return text;
}

/**
 * Injective encoding of any non-empty text into one subject token: letters, digits and `-` stay, each other
 * UTF-8 byte (also `_`) becomes `_` and two hex digits. Throws ERR_SUBJECT_TOKEN for the empty text.
 */
export function encodeToken(text: string): string {
  if (text === '')
    throw new LatticeError('ERR_SUBJECT_TOKEN', 'Cannot encode the empty text as a subject token');
  if (!text.isWellFormed()) {
    throw new LatticeError('ERR_SUBJECT_TOKEN', 'Cannot encode text with lone surrogates as a subject token');
  }
  return text.replaceAll(/[^A-Za-z0-9-]+/gu, (run) =>
    Buffer.from(run, 'utf8').toString('hex').replaceAll(/../g, '_$&'),
  );
}

/** Reverse of `encodeToken`. Throws ERR_SUBJECT_TOKEN where the text was not made by it. */
export function decodeToken(token: string): string {
  const bytes: number[] = [];
  for (let at = 0; at < token.length; at += 1) {
    if (token[at] === '_') {
      bytes.push(Number.parseInt(token.slice(at + 1, at + 3), 16));
      at += 2;
    } else {
      bytes.push(token.charCodeAt(at));
    }
  }
  const text = Buffer.from(Uint8Array.from(bytes)).toString('utf8');
  if (text === '' || encodeToken(text) !== token) {
    throw new LatticeError(
      'ERR_SUBJECT_TOKEN',
      `Cannot decode ${JSON.stringify(token)}: it is not an encoded token`,
    );
  }
  return text;
}

/**
 * The token that stands for a SPIFFE ID in a subject: base32 of its SHA-256, 52 characters. IDs may be 2048 bytes
 * long, a subject may not; a collision would have to be found in SHA-256.
 */
export function identityToken(spiffeId: string): string {
  return base32Encode(createHash('sha256').update(spiffeId, 'utf8').digest());
}

/** Head of all reply subjects of one identity. Nobody else may subscribe below it. */
export function inboxPrefix(spiffeId: string): string {
  return `_INBOX.${identityToken(spiffeId)}`;
}

/** Control requests of one lattice, spelled as clients publish and hosts subscribe them. */
export interface ControlSubjects {
  /** Everything of this lattice's control interface. */
  readonly all: string;
  readonly hostPing: string;
  hostGet(hostId: string): string;
  hostStop(hostId: string): string;
  scaleComponent(hostId: string): string;
  readonly linkPut: string;
  readonly linkGet: string;
  readonly linkDel: string;
  configPut(name: string): string;
  configGet(name: string): string;
  configDel(name: string): string;
  /** What one host subscribes to, with the queue group where exactly one host shall answer. */
  subscriptions(hostId: string): readonly ControlSubscription[];
  /** The same for any host id: what a host must be allowed to subscribe to. */
  readonly hostSubscriptions: readonly ControlSubscription[];
}

export interface ControlSubscription {
  readonly subject: string;
  readonly queue?: string;
}

/** Subjects `{prefix}.v1.{lattice}.{noun}.{verb}[.{id}]` of the control interface. */
export function controlSubjects(lattice: string, prefix: string = DEFAULT_CONTROL_PREFIX): ControlSubjects {
  const root = `${prefix}.v1.${assertToken('lattice', lattice)}`;
  const host = (hostId: string): string => assertToken('host id', hostId);
  const config = (name: string): string => assertToken('config name', name);
  const subscriptions = (hostId: string): readonly ControlSubscription[] => [
    { subject: `${root}.host.ping` },
    { subject: `${root}.component.auction` },
    { subject: `${root}.provider.auction` },
    { subject: `${root}.link.*`, queue: `${root}.link` },
    { subject: `${root}.claims.get`, queue: `${root}.claims` },
    { subject: `${root}.config.>`, queue: `${root}.config` },
    { subject: `${root}.component.*.${hostId}` },
    { subject: `${root}.provider.*.${hostId}` },
    { subject: `${root}.label.*.${hostId}` },
    { subject: `${root}.host.*.${hostId}` },
  ];
  return {
    all: `${root}.>`,
    hostPing: `${root}.host.ping`,
    hostGet: (hostId) => `${root}.host.get.${host(hostId)}`,
    hostStop: (hostId) => `${root}.host.stop.${host(hostId)}`,
    scaleComponent: (hostId) => `${root}.component.scale.${host(hostId)}`,
    linkPut: `${root}.link.put`,
    linkGet: `${root}.link.get`,
    linkDel: `${root}.link.del`,
    configPut: (name) => `${root}.config.put.${config(name)}`,
    configGet: (name) => `${root}.config.get.${config(name)}`,
    configDel: (name) => `${root}.config.del.${config(name)}`,
    subscriptions: (hostId) => subscriptions(host(hostId)),
    hostSubscriptions: subscriptions('*'),
  };
}

/** A control request as a host reads it off the subject; `verb` and `name` are not checked against a list. */
export interface ControlRoute {
  readonly noun: string;
  readonly verb: string;
  /** Host id or config name; absent in the two-token requests. */
  readonly name?: string;
}

/** Splits a received control subject; undefined when it is not `{noun}.{verb}[.{name}]` of this lattice. */
export function parseControlSubject(
  subject: string,
  lattice: string,
  prefix: string = DEFAULT_CONTROL_PREFIX,
): ControlRoute | undefined {
  const root = `${prefix}.v1.${lattice}.`;
  if (!subject.startsWith(root)) return undefined;
  const [noun, verb, name, ...rest] = subject.slice(root.length).split('.');
  if (noun === undefined || verb === undefined || rest.length > 0) return undefined;
  return name === undefined ? { noun, verb } : { noun, verb, name };
}

/** Subject of a lattice event; `*` as name watches all of them. */
export function eventSubject(lattice: string, name: string): string {
  const last = name === '*' ? name : assertToken('event name', name);
  return `wasmbus.evt.${assertToken('lattice', lattice)}.${last}`;
}

/** Subject on which a service publishes its audit records; `*` as service watches all of them. */
export function auditSubject(lattice: string, service: string): string {
  const last = service === '*' ? service : assertToken('service', service);
  return `muster.audit.${assertToken('lattice', lattice)}.${last}`;
}

/** Name of the JetStream stream that may keep the audit records of a lattice. */
export function auditStream(lattice: string): string {
  return `AUDIT_${assertToken('lattice', lattice)}`;
}

/** The two JetStream KV buckets of a lattice and the wildcard subjects of its data plane. */
export function latticeBuckets(lattice: string): { readonly lattice: string; readonly config: string } {
  assertToken('lattice', lattice);
  return { lattice: `LATTICEDATA_${lattice}`, config: `CONFIGDATA_${lattice}` };
}

/** Subjects of calls between components and of provider management. */
export function rpcSubjects(lattice: string): { readonly calls: string; readonly providers: string } {
  assertToken('lattice', lattice);
  return { calls: `${lattice}.*.wrpc.>`, providers: `wasmbus.rpc.${lattice}.>` };
}

/** Where the values of a KV bucket and the requests about it go. */
export interface BucketSubjects {
  /** The JetStream stream behind the bucket. */
  readonly stream: string;
  /** All values; one value stands under its key in place of `>`. */
  readonly values: string;
  readonly info: string;
  readonly create: string;
}

export function bucketSubjects(bucket: string): BucketSubjects {
  const stream = `KV_${assertToken('bucket', bucket)}`;
  return {
    stream,
    values: `$KV.${bucket}.>`,
    info: `$JS.API.STREAM.INFO.${stream}`,
    create: `$JS.API.STREAM.CREATE.${stream}`,
  };
}

/**
 * What a user must be allowed to publish to read, write and watch one KV bucket; with `isCreator` also to make it, with
 * `isReader` only to read it.
 */
export function bucketPermissions(
  bucket: string,
  options: { isCreator?: boolean; isReader?: boolean } = {},
): readonly string[] {
  const { stream, values, info, create } = bucketSubjects(bucket);
  return [
    info,
    ...(options.isCreator === true ? [create] : []),
    `$JS.API.DIRECT.GET.${stream}.>`,
    `$JS.API.STREAM.MSG.GET.${stream}`,
    `$JS.API.CONSUMER.CREATE.${stream}.>`,
    `$JS.API.CONSUMER.INFO.${stream}.>`,
    `$JS.API.CONSUMER.DELETE.${stream}.>`,
    `$JS.FC.${stream}.>`,
    ...(options.isReader === true ? [] : [values]),
  ];
}

/** Where requests about a JetStream stream go. */
export interface StreamSubjects {
  readonly info: string;
  readonly create: string;
  readonly delete: string;
  /** Answers one kept message: body `{"last_by_subj":"..."}` or `{"seq":1}`. The stream must allow direct reads. */
  readonly directGet: string;
  /** Creates the named consumer. */
  createConsumer(name: string): string;
  /** Asks a pull consumer for its next messages. */
  nextMessages(consumer: string): string;
}

export function streamSubjects(stream: string): StreamSubjects {
  assertToken('stream', stream);
  return {
    info: `$JS.API.STREAM.INFO.${stream}`,
    create: `$JS.API.STREAM.CREATE.${stream}`,
    delete: `$JS.API.STREAM.DELETE.${stream}`,
    directGet: `$JS.API.DIRECT.GET.${stream}`,
    createConsumer: (name) => `$JS.API.CONSUMER.CREATE.${stream}.${assertToken('consumer', name)}`,
    nextMessages: (name) => `$JS.API.CONSUMER.MSG.NEXT.${stream}.${assertToken('consumer', name)}`,
  };
}

/** What a user must be allowed to publish to read one stream; with `isCreator` also to make it. */
export function streamReadPermissions(
  stream: string,
  options: { isCreator?: boolean } = {},
): readonly string[] {
  assertToken('stream', stream);
  return [
    `$JS.API.STREAM.INFO.${stream}`,
    ...(options.isCreator === true ? [`$JS.API.STREAM.CREATE.${stream}`] : []),
    `$JS.API.STREAM.MSG.GET.${stream}`,
    `$JS.API.DIRECT.GET.${stream}`,
    `$JS.API.DIRECT.GET.${stream}.>`,
    `$JS.API.CONSUMER.CREATE.${stream}.>`,
    `$JS.API.CONSUMER.INFO.${stream}.>`,
    `$JS.API.CONSUMER.DELETE.${stream}.>`,
    `$JS.API.CONSUMER.MSG.NEXT.${stream}.>`,
    `$JS.ACK.${stream}.>`,
    `$JS.FC.${stream}.>`,
  ];
}

/** The request by which a JetStream client learns whether it is enabled for its account. */
export const JETSTREAM_INFO = '$JS.API.INFO';
