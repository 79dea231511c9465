import type { LatticeConnection } from '@muster/lattice';
import type { Msg, NatsConnection, Subscription, SubscriptionOptions } from '@nats-io/transport-node';

export interface Asked {
  /** What the callout answered; undefined: nothing. */
  answer: Uint8Array | undefined;
}

/** A connection to a server that exists in this process only: the test is the server. */
export class FakeConnection {
  readonly published: { subject: string; data: Uint8Array }[] = [];
  readonly subscriptions = new Set<{ subject: string; options: SubscriptionOptions }>();
  isUp = true;
  isClosed = false;

  /** Delivers one request to the subscription and says what is answered, now or later. */
  ask(message: Uint8Array, xkey: string | undefined): Asked {
    const asked: Asked = { answer: undefined };
    const headers =
      xkey === undefined ? undefined : { get: (name: string) => (name === 'Nats-Server-Xkey' ? xkey : '') };
    const delivered = {
      data: message,
      headers,
      respond: (data: Uint8Array) => {
        asked.answer = data;
        return true;
      },
    } as unknown as Msg;
    for (const { options } of this.subscriptions) void options.callback?.(null, delivered);
    return asked;
  }

  get connection(): LatticeConnection {
    const nats = {
      subscribe: (subject: string, options: SubscriptionOptions): Subscription => {
        const entry = { subject, options };
        this.subscriptions.add(entry);
        return { unsubscribe: () => this.subscriptions.delete(entry) } as unknown as Subscription;
      },
      publish: (subject: string, data: Uint8Array) =>
        this.published.push({ subject, data: Buffer.from(data) }),
      flush: () => Promise.resolve(),
    };
    return {
      nats: nats as unknown as NatsConnection,
      isConnected: () => this.isUp && !this.isClosed,
      userExpiresAt: () => undefined,
      reconnect: () => {},
      onStatus: () => () => {},
      closed: Promise.resolve(),
      close: () => {
        this.isClosed = true;
        return Promise.resolve();
      },
    };
  }
}
