import { int32Field, message, messageField, repeatedStrings, stringField } from '../protobuf/codec.ts';
import type { MessageCodec } from '../protobuf/codec.ts';
import { anyMessage } from './any.ts';
import type { AnyMessage } from './any.ts';

/** Full name of the Broker API's gRPC service. Its responses have the shape of the Workload API's. */
export const BROKER_SERVICE = 'spiffe.broker.API';

/** Name of the metadata that every Broker API call carries, with the value `true` (SPIFFE Broker Endpoint). */
export const BROKER_HEADER = 'broker.spiffe.io';

/** Type URLs of the references that the standard defines. */
export const REFERENCE_TYPE = {
  PID: 'type.googleapis.com/spiffe.broker.WorkloadPIDReference',
  KUBERNETES_OBJECT: 'type.googleapis.com/spiffe.broker.KubernetesObjectReference',
} as const;

/** A workload named by the pid that it has for the endpoint. */
export interface WorkloadPidReferenceMessage {
  readonly pid: number;
}

/** A workload named by an object of Kubernetes: by its key, its UID, or both. */
export interface KubernetesObjectReferenceMessage {
  readonly type: { readonly plural: string; readonly group: string } | undefined;
  readonly key: { readonly namespace: string; readonly name: string } | undefined;
  readonly uid: string;
}

/** A reference of whatever type. */
export interface WorkloadReferenceMessage {
  readonly reference: AnyMessage | undefined;
}

/** The request of the three streams. */
export interface SubscribeRequest {
  readonly reference: WorkloadReferenceMessage | undefined;
}

/** The request of FetchJWTSVID. */
export interface BrokerJwtSvidRequest extends SubscribeRequest {
  readonly audience: readonly string[];
  /** The identity wanted; empty for all. */
  readonly spiffeId: string;
}

/** Codec of the reference by pid. */
export const workloadPidReference: MessageCodec<WorkloadPidReferenceMessage> =
  message<WorkloadPidReferenceMessage>({ pid: int32Field(1) });

/** Codec of the reference by an object of Kubernetes. */
export const kubernetesObjectReference: MessageCodec<KubernetesObjectReferenceMessage> =
  message<KubernetesObjectReferenceMessage>({
    type: messageField(1, message({ plural: stringField(1), group: stringField(2) })),
    key: messageField(2, message({ namespace: stringField(1), name: stringField(2) })),
    uid: stringField(3),
  });

const workloadReference: MessageCodec<WorkloadReferenceMessage> = message<WorkloadReferenceMessage>({
  reference: messageField(1, anyMessage),
});

/** Codec of the request of the three streams. */
export const subscribeRequest: MessageCodec<SubscribeRequest> = message<SubscribeRequest>({
  reference: messageField(1, workloadReference),
});

/** Codec of the request of FetchJWTSVID. */
export const brokerJwtSvidRequest: MessageCodec<BrokerJwtSvidRequest> = message<BrokerJwtSvidRequest>({
  reference: messageField(1, workloadReference),
  audience: repeatedStrings(2),
  spiffeId: stringField(3),
});
