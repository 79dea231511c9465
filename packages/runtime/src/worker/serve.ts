import type { CompiledComponent } from '../link/component.ts';
import { Trap, type ComponentErrorCode } from '../errors.ts';
import type { GetJwt } from '../wasi/identity.ts';
import type { WasiHost } from '../wasi/imports.ts';
import type { Outbox } from './channel.ts';
import { Exchange, type ExchangeHost } from './exchange.ts';
import { createGuest, failureOf, type Guest } from './guest.ts';
import type { Progress } from './progress.ts';
import { bodyKind, toMain, toWorker, type CallMessage, type ToMain, type ToWorker } from './protocol.ts';
import { SingleUseDetector, isRepeatable } from './single-use.ts';
import type { Limits } from './types.ts';

interface Slot {
  readonly index: number;
  guest: Guest | undefined;
  exchange: Exchange | undefined;
  calls: number;
  /** The count of effects when the call in it began. */
  effectsBefore: number;
}

export interface CallServerOptions {
  readonly compiled: CompiledComponent;
  readonly limits: Limits;
  readonly isFresh: boolean;
  readonly hasIdentity: boolean;
  readonly config: ReadonlyMap<string, string>;
  readonly progress: Progress;
  readonly outbox: Outbox<ToMain>;
  readonly writeLog: WasiHost['writeLog'];
}

const handleCheckEvery = 16;

/** The inside of a worker: takes calls in order and runs them on as few instances as possible. */
export class CallServer implements ExchangeHost {
  readonly bodyBytes: number;
  readonly #options: CallServerOptions;
  readonly #idle: Slot[] = [];
  readonly #queue: CallMessage[] = [];
  readonly #running = new Map<number, Slot>();
  readonly #unsent = new Set<Exchange>();
  readonly #jwts = new Map<
    number,
    { resolve(token: string | undefined): void; reject(error: Error): void }
  >();
  readonly #cancelled = new Set<CallMessage>();
  readonly #singleUse = new SingleUseDetector();
  #lastJwt = 0;
  /** What guests did so far that is seen outside of their instances, apart from answers. */
  #effects = 0;
  #config: ReadonlyMap<string, string>;
  #isDraining = false;
  #isTurnScheduled = false;

  constructor(options: CallServerOptions) {
    this.#options = options;
    this.#config = options.config;
    this.bodyBytes = options.limits.bodyBytes;
    for (let index = options.limits.instances - 1; index >= 0; index -= 1)
      this.#idle.push({ index, guest: undefined, exchange: undefined, calls: 0, effectsBefore: 0 });
  }

  /** Makes the first instance, so that a component that cannot start fails at once. */
  warmUp(): void {
    const slot = this.#idle.at(-1);
    if (slot !== undefined) slot.guest = this.#createGuest();
  }

  #createGuest(): Guest {
    const host: WasiHost = {
      writeLog: (level, context, message) => {
        this.#effects += 1;
        this.#options.writeLog(level, context, message);
      },
      config: () => this.#config,
      getJwt: this.#options.hasIdentity ? this.#getJwt : undefined,
      hasUnsent: () => this.#isTurnScheduled || this.#options.outbox.isPending,
    };
    return createGuest(this.#options.compiled, host, this.#options.limits);
  }

  readonly #getJwt: GetJwt = (audience) =>
    new Promise((resolve, reject) => {
      this.#effects += 1;
      this.#lastJwt += 1;
      this.#jwts.set(this.#lastJwt, { resolve, reject });
      this.send([toMain.jwt, this.#lastJwt, audience]);
    });

  send(message: ToMain, bytes?: Uint8Array): void {
    this.#options.outbox.send(message, bytes);
  }

  flushLater(exchange: Exchange): void {
    this.#unsent.add(exchange);
    this.#scheduleTurn();
  }

  #scheduleTurn(): void {
    if (this.#isTurnScheduled) return;
    this.#isTurnScheduled = true;
    setImmediate(this.#endTurn);
  }

  readonly #endTurn = (): void => {
    this.#isTurnScheduled = false;
    for (const exchange of this.#unsent) exchange.flushTurn();
    this.#unsent.clear();
    this.#options.outbox.flush();
    this.#drain();
  };

  receive(messages: readonly ToWorker[]): void {
    for (const message of messages) this.#receive(message);
    this.#drain();
  }

  #receive(message: ToWorker): void {
    switch (message[0]) {
      case toWorker.call:
        this.#queue.push(message);
        return;
      case toWorker.bodyChunk:
        this.#running.get(message[1])?.exchange?.receive(message[2]);
        return;
      case toWorker.bodyEnd:
        this.#running.get(message[1])?.exchange?.receiveEnd(message[2]);
        return;
      case toWorker.credit:
        this.#running.get(message[1])?.exchange?.credit(message[2]);
        return;
      case toWorker.cancel:
        this.#cancel(message[1], message[2]);
        return;
      case toWorker.config:
        this.#config = new Map(message[1]);
        return;
      case toWorker.jwt:
        this.#answerJwt(message[1], message[2], message[3]);
        return;
    }
  }

  #answerJwt(id: number, isAnswered: boolean, token: string | undefined): void {
    const waiting = this.#jwts.get(id);
    this.#jwts.delete(id);
    if (isAnswered) waiting?.resolve(token);
    else waiting?.reject(new Error('no answer'));
  }

  #cancel(id: number, code: ComponentErrorCode): void {
    const slot = this.#running.get(id);
    if (slot === undefined) {
      const index = this.#queue.findIndex((call) => call[1] === id);
      if (index === -1) return;
      // It keeps its place in the count of calls begun, which main reads as "all up to this one".
      const call = this.#queue[index];
      if (call !== undefined) this.#cancelled.add(call);
      return;
    }
    slot.guest?.wasi.scope.abort(new Trap(code, 'The call was cancelled'));
  }

  #drain(): void {
    if (this.#isDraining) return;
    this.#isDraining = true;
    while (this.#queue.length > 0) {
      const slot = this.#idle.pop();
      if (slot === undefined) break;
      const call = this.#queue.shift();
      if (call !== undefined) this.#begin(call, slot);
      // Most calls end in a microtask of this turn; a further instance is wanted only if this one does not.
      if (slot.exchange !== undefined) {
        if (this.#queue.length > 0) this.#scheduleTurn();
        break;
      }
    }
    this.#isDraining = false;
  }

  #begin(call: CallMessage, slot: Slot): void {
    this.#options.progress.countBegun();
    if (this.#cancelled.delete(call)) {
      this.#idle.push(slot);
      this.send([toMain.done, call[1]]);
      return;
    }
    this.#run(call, slot, false);
  }

  #run(call: CallMessage, slot: Slot, isRepeat: boolean): void {
    // From here on the deadline runs: making an instance runs guest code.
    this.#options.progress.enter(slot.index, call[1]);
    slot.effectsBefore = this.#effects;
    let result: unknown;
    try {
      slot.guest ??= this.#createGuest();
      slot.exchange = new Exchange(call, slot.guest.wasi.scope, this);
      this.#running.set(call[1], slot);
      result = slot.guest.handle(slot.exchange.request, slot.exchange.outparam);
    } catch (error) {
      return this.#end(call, slot, isRepeat, error);
    }
    if (!(result instanceof Promise)) return this.#end(call, slot, isRepeat, undefined);
    result.then(
      () => {
        this.#end(call, slot, isRepeat, undefined);
        this.#drain();
      },
      (error: unknown) => {
        this.#end(call, slot, isRepeat, error ?? new Error('The call failed'));
        this.#drain();
      },
    );
  }

  #end(call: CallMessage, slot: Slot, isRepeat: boolean, error: unknown): void {
    const { exchange, guest } = slot;
    const id = call[1];
    this.#options.progress.leave(slot.index);
    this.#running.delete(id);
    if (exchange !== undefined) this.#unsent.delete(exchange);
    guest?.wasi.endCall();
    slot.exchange = undefined;
    if (error === undefined && exchange !== undefined && this.#isToRepeat(call, slot, exchange, isRepeat)) {
      slot.guest = undefined;
      slot.calls = 0;
      return this.#run(call, slot, true);
    }
    this.#conclude(id, exchange, guest, error);
    slot.calls += 1;
    if (error !== undefined || exchange?.isUnanswered !== false || this.#isSpent(slot)) {
      slot.guest = undefined;
      slot.calls = 0;
    }
    this.#idle.push(slot);
  }

  #isToRepeat(call: CallMessage, slot: Slot, exchange: Exchange, isRepeat: boolean): boolean {
    if (!exchange.isUnanswered) {
      if (isRepeat) this.#singleUse.onRepeatAnswered();
      return false;
    }
    // Without an effect nobody can tell that the guest ran: its instance is dropped with all that it remembers.
    const canRepeat =
      this.#effects === slot.effectsBefore && isRepeatable(call[2], call[7] !== bodyKind.none);
    return this.#singleUse.onUnanswered(slot.calls === 0, canRepeat);
  }

  #conclude(id: number, exchange: Exchange | undefined, guest: Guest | undefined, error: unknown): void {
    if (error === undefined) return exchange?.complete();
    const { code, message } = failureOf(error, guest, this.#options.limits);
    if (exchange === undefined) this.send([toMain.failed, id, code, message]);
    else exchange.fail(code, message);
  }

  #isSpent(slot: Slot): boolean {
    const { guest } = slot;
    if (guest === undefined) return false;
    const { instance } = guest;
    // A cancelled guest may have found its last wait over already, and so have come to its end.
    if (guest.wasi.scope.isAborted) return true;
    if (this.#options.isFresh || this.#singleUse.isSingleUse || instance.trap !== undefined) return true;
    return slot.calls % handleCheckEvery === 0 && instance.stats().handles > this.#options.limits.handlesKept;
  }
}
