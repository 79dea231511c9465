import { randomUUID } from 'node:crypto';
import type { AuditEntry, Logger } from '@muster/lattice';
import type { HttpHandler, HttpServer } from '@muster/providers';
import { describeFailure } from '../failure.ts';
import type { UnusableLink, WantedListener } from './http-links.ts';

/** The HTTP listeners of one host, kept in step with what links ask for. */
export interface HttpListeners {
  /** Opens and closes listeners until they fit; calls that come while one works are joined into one. Never rejects. */
  reconcile(): Promise<void>;
  /** Addresses that are open. */
  addresses(): readonly string[];
  stop(): Promise<void>;
}

export interface HttpListenersDeps {
  readonly wanted: () => {
    readonly wanted: ReadonlyMap<string, WantedListener>;
    readonly unusable: readonly UnusableLink[];
  };
  readonly open: (address: string, handle: HttpHandler) => Promise<HttpServer>;
  /** Answers for a component as it is at the time of the request. */
  readonly handlerOf: (componentId: string) => HttpHandler;
  readonly audit: (entry: AuditEntry) => void;
  readonly logger: Logger;
}

interface OpenListener {
  readonly server: HttpServer;
  target: string;
}

/** An address that cannot be opened is logged and audited once and tried again at the next change. */
export function createHttpListeners(deps: HttpListenersDeps): HttpListeners {
  const { logger } = deps;
  const open = new Map<string, OpenListener>();
  const closing = new Set<Promise<void>>();
  const reported = new Set<string>();
  let isStopped = false;
  let isDirty = false;
  let working: Promise<void> | undefined;

  // The address is free as soon as the listener begins to stop; its last requests need not hold up the others.
  const close = (address: string, listener: OpenListener): void => {
    open.delete(address);
    const done = listener.server
      .stop()
      .then(() => logger.info('http listener closed', { address, component: listener.target }))
      .catch((error: unknown) => logger.warn('http listener did not close cleanly', { address, error }))
      .finally(() => closing.delete(done));
    closing.add(done);
  };

  const start = async (listener: WantedListener): Promise<void> => {
    const { address, target } = listener;
    try {
      // The target is looked up per request: a link may move an address to another component without closing it.
      const server = await deps.open(address, (request, context) =>
        deps.handlerOf(open.get(address)?.target ?? target)(request, context),
      );
      open.set(address, { server, target });
      reported.delete(`${address} ${target}`);
      logger.info('http listener open', { address: server.address, component: target, link: listener.link });
    } catch (error) {
      report(`${address} ${target}`, listener, describeFailure(error).code, error, address);
    }
  };

  const report = (
    key: string,
    named: { readonly link: string; readonly target: string },
    reason: string,
    error?: unknown,
    address?: string,
  ): void => {
    if (reported.has(key)) {
      return;
    }
    reported.add(key);
    const requestId = randomUUID();
    const code = error instanceof Error && 'code' in error ? String(error.code) : reason;
    logger.error('http link unusable', {
      requestId,
      link: named.link,
      component: named.target,
      address,
      code,
    });
    try {
      deps.audit({
        requestId,
        spiffeId: null,
        decision: 'deny',
        rule: 'http-link',
        reason: code,
        details: { componentId: named.target, link: named.link, address: address ?? null },
      });
    } catch (auditError) {
      logger.error('audit record not written', { requestId, error: auditError });
    }
  };

  const step = async (): Promise<void> => {
    const { wanted, unusable } = deps.wanted();
    const current = new Set<string>();
    for (const link of unusable) {
      const key = `${link.reason} ${link.target} ${link.link}`;
      current.add(key);
      report(key, link, link.reason);
    }
    for (const key of wanted.values()) {
      current.add(`${key.address} ${key.target}`);
    }
    for (const key of reported) {
      if (!current.has(key)) {
        reported.delete(key);
      }
    }
    for (const [address, listener] of open) {
      if (!wanted.has(address)) {
        close(address, listener);
      }
    }
    for (const listener of wanted.values()) {
      const present = open.get(listener.address);
      if (present === undefined) {
        await start(listener);
      } else {
        present.target = listener.target;
      }
    }
  };

  const work = async (): Promise<void> => {
    for (; isDirty; await step()) {
      if (isStopped) {
        return;
      }
      isDirty = false;
    }
  };

  return {
    reconcile() {
      isDirty = true;
      working ??= work()
        .catch((error: unknown) => logger.error('http listeners not reconciled', { error }))
        .finally(() => {
          working = undefined;
        });
      return working;
    },
    addresses: () => Array.from(open.values(), ({ server }) => server.address),
    async stop() {
      isStopped = true;
      await working;
      for (const [address, listener] of open) {
        close(address, listener);
      }
      await Promise.all(closing);
    },
  };
}
