import type { CtlResponse, LatticeEventData, LatticeEventName } from '@muster/lattice';
import type { ComponentManager } from '../component/manager.ts';
import type { HostFacts } from '../inventory.ts';
import type { LatticeState } from '../state/lattice-state.ts';

/** What control operations may use. */
export interface ControlContext {
  readonly facts: HostFacts;
  readonly state: LatticeState;
  readonly components: ComponentManager;
  /** Publishes a lattice event; a lost connection only loses the event. */
  readonly publish: <N extends LatticeEventName>(name: N, data: LatticeEventData[N]) => void;
  /** Begins to stop the host; called after the reply is on its way. */
  readonly stopHost: () => void;
  readonly now: () => number;
}

/** One verb of the control interface. */
export interface ControlOperation {
  /** `{noun}.{verb}`. */
  readonly name: string;
  /** What the last token of the subject is. */
  readonly target: 'none' | 'host' | 'config';
  /** Reply to a body that cannot be decoded, in v1's words. */
  readonly malformed: string;
  /** Answers, or stays silent with undefined. May throw; LatticeError `ERR_MESSAGE_MALFORMED` is answered `malformed`. */
  run(context: ControlContext, body: Uint8Array, name: string): Promise<ControlReply> | ControlReply;
}

/** A reply, and what to do once it has been sent. */
export type ControlReply =
  | CtlResponse<unknown>
  | undefined
  | { readonly reply: CtlResponse<unknown>; readonly after: () => void };
