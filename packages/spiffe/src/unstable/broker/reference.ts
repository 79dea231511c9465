import { SpiffeError } from '../../errors.ts';
import { quote } from '../../internal/quote.ts';
import type { AnyMessage } from '../../wire/messages/any.ts';
import {
  kubernetesObjectReference,
  REFERENCE_TYPE,
  workloadPidReference,
} from '../../wire/messages/broker.ts';

const LARGEST_PID = 2_147_483_647;
const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;
const MAX_REFERENCE_BYTES = 32 * 1024;

/** An object of Kubernetes, by its name, its UID or both (SPIFFE Broker API, KubernetesObjectReference). */
export interface KubernetesObject {
  /** Plural name, such as `pods`. */
  readonly plural: string;
  /** API group, such as `apps`. Default `core`. */
  readonly group?: string | undefined;
  /** Absent for objects of the whole cluster. */
  readonly namespace?: string | undefined;
  readonly name?: string | undefined;
  /** A UUID, as Kubernetes assigned it. With a name as well, the endpoint checks that both are of one object. */
  readonly uid?: string | undefined;
}

/**
 * The workload a broker asks for: a process of the same machine, an object of Kubernetes, or a message that a vendor
 * defines, encoded. A process ID may be given to another process once the first has ended: hold on to the process, or
 * close what refers to it when it ends.
 */
export type WorkloadReference =
  | { readonly pid: number }
  | { readonly kubernetes: KubernetesObject }
  | { readonly typeUrl: string; readonly value: Uint8Array };

/** Encodes a reference. A process ID means nothing elsewhere, so `isRemote` refuses it. Throws SpiffeError `ERR_WORKLOAD_REFERENCE`. */
export function encodeReference(
  reference: WorkloadReference,
  { isRemote }: { readonly isRemote: boolean },
): AnyMessage {
  if ('pid' in reference) {
    return encodePid(reference.pid, isRemote);
  }
  if ('kubernetes' in reference) {
    return encodeKubernetesObject(reference.kubernetes);
  }
  const { typeUrl, value } = reference;
  if (!/^[^/\s]+(?:\/[^/\s]+)+$/.test(typeUrl)) {
    throw refused(`the type URL ${quote(typeUrl)} must be a host and a message name with "/" between them`);
  }
  if (value.length > MAX_REFERENCE_BYTES) {
    throw refused(`the message must have at most ${MAX_REFERENCE_BYTES} bytes`);
  }
  return { typeUrl, value };
}

function encodePid(pid: number, isRemote: boolean): AnyMessage {
  if (!Number.isInteger(pid) || pid < 1 || pid > LARGEST_PID) {
    throw refused(`the process ID ${String(pid)} must be an integer above 0`);
  }
  if (isRemote) {
    throw refused('a process ID must not be sent over a network');
  }
  return { typeUrl: REFERENCE_TYPE.PID, value: workloadPidReference.encode({ pid }) };
}

function encodeKubernetesObject(object: KubernetesObject): AnyMessage {
  const { plural, group = 'core', namespace = '', name, uid = '' } = object;
  if (plural === '' || group === '') {
    throw refused('the plural and the group of the object must not be empty');
  }
  if (name === '' || (name === undefined && namespace !== '')) {
    throw refused('the name of the object must not be empty, nor its namespace stand alone');
  }
  if (name === undefined && uid === '') {
    throw refused('the object must have a name or a UID');
  }
  if (uid !== '' && !UUID.test(uid)) {
    throw refused(`the UID ${quote(uid)} must be a UUID`);
  }
  const value = kubernetesObjectReference.encode({
    type: { plural, group },
    key: name === undefined ? undefined : { namespace, name },
    uid,
  });
  return { typeUrl: REFERENCE_TYPE.KUBERNETES_OBJECT, value };
}

function refused(reason: string): SpiffeError {
  return new SpiffeError('ERR_WORKLOAD_REFERENCE', `Cannot refer to the workload: ${reason}`);
}
