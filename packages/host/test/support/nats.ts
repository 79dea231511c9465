import type { ConnectionStatus, LatticeConnection } from '@muster/lattice';

export interface Published {
  readonly subject: string;
  readonly data: Uint8Array;
  readonly by: string;
}

interface Subscription {
  readonly pattern: string;
  readonly queue: string | undefined;
  readonly callback: (error: Error | null, message: unknown) => void;
}

/** The part of NATS that a host uses: subjects with wildcards, queue groups, replies. */
export interface FakeNats {
  readonly published: Published[];
  readonly subscriptions: Set<Subscription>;
  connect(name: string): FakeConnection;
  /** Sends a request and waits for its replies until nothing is left to run. */
  request(subject: string, body?: string): Promise<string[]>;
}

export interface FakeConnection extends LatticeConnection {
  readonly name: string;
  emit(status: ConnectionStatus): void;
}

export function fakeNats(): FakeNats {
  const published: Published[] = [];
  const subscriptions = new Set<Subscription>();

  const deliver = (subject: string, data: Uint8Array, respond: (bytes: Uint8Array) => boolean): void => {
    const groups = new Set<string>();
    for (const { pattern, queue, callback } of Array.from(subscriptions)) {
      if (matches(pattern, subject) && (queue === undefined || !groups.has(queue))) {
        if (queue !== undefined) {
          groups.add(queue);
        }
        callback(null, { subject, data, respond });
      }
    }
  };

  return {
    published,
    subscriptions,
    connect(name) {
      const own: Subscription[] = [];
      const listeners = new Set<(status: ConnectionStatus) => void>();
      const closed = Promise.withResolvers<void>();
      let isOpen = true;
      const check = (): void => {
        if (!isOpen) {
          throw new Error('connection closed');
        }
      };
      const nats = {
        publish(subject: string, data: Uint8Array) {
          check();
          published.push({ subject, data: data.slice(), by: name });
          deliver(subject, data, () => false);
        },
        subscribe(pattern: string, options: { queue?: string; callback: Subscription['callback'] }) {
          check();
          const subscription = { pattern, queue: options.queue, callback: options.callback };
          own.push(subscription);
          subscriptions.add(subscription);
        },
        flush: async () => check(),
      };
      return {
        name,
        nats: nats as unknown as LatticeConnection['nats'],
        isConnected: () => isOpen,
        userExpiresAt: () => undefined,
        reconnect() {},
        onStatus(listener) {
          listeners.add(listener);
          return () => void listeners.delete(listener);
        },
        emit(status) {
          for (const listener of listeners) {
            listener(status);
          }
        },
        closed: closed.promise,
        async close() {
          isOpen = false;
          for (const subscription of own) {
            subscriptions.delete(subscription);
          }
          closed.resolve();
        },
      };
    },
    async request(subject, body = '') {
      const replies: string[] = [];
      deliver(subject, new TextEncoder().encode(body), (bytes) => {
        replies.push(new TextDecoder().decode(bytes));
        return true;
      });
      for (let turn = 0; turn < 20; turn += 1) {
        await new Promise<void>((resolve) => setImmediate(resolve));
      }
      return replies;
    },
  };
}

function matches(pattern: string, subject: string): boolean {
  const wanted = pattern.split('.');
  const tokens = subject.split('.');
  for (const [at, token] of wanted.entries()) {
    if (token === '>') {
      return tokens.length > at;
    }
    if (tokens[at] === undefined || (token !== '*' && token !== tokens[at])) {
      return false;
    }
  }
  return tokens.length === wanted.length;
}
