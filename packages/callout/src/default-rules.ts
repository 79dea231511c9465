import {
  auditStream,
  auditSubject,
  bucketPermissions,
  controlSubjects,
  eventSubject,
  JETSTREAM_INFO,
  latticeBuckets,
  rpcSubjects,
  streamReadPermissions,
  systemSubjects,
} from '@muster/lattice';
import { TrustDomain } from '@muster/spiffe';
import type { Rule, RuleDocument } from './rule-document.ts';

/**
 * Rules for one lattice: its hosts (connections `ctl` and `rpc`) and operators. Nobody else gets in: not nats-server, the
 * authority, the callout or components, nor hosts of another lattice. Nobody gets into the system account.
 */
export function defaultRules(options: { trustDomain: string; lattice: string }): RuleDocument {
  const root = TrustDomain.parse(options.trustDomain).id;
  return {
    version: 1,
    rules: [
      hostControl(root, options.lattice),
      hostRpc(root, options.lattice),
      operator(root, options.lattice),
    ],
  };
}

/** Replies to the identity's own requests; nobody else may read there. */
const OWN_INBOX = '{inbox}.>';

/**
 * State, events and control requests of a host. A host cannot create streams: whoever can has nats-server republish what
 * is stored under any subject, control requests to other hosts included.
 */
function hostControl(root: string, lattice: string): Rule {
  const control = controlSubjects(lattice);
  const buckets = latticeBuckets(lattice);
  return {
    name: 'host-ctl',
    match: `${root}/lattice/${lattice}/host/{host}`,
    connection: 'ctl',
    account: 'HOSTS',
    publish: {
      allow: [
        eventSubject(lattice, '*'),
        auditSubject(lattice, 'host'),
        JETSTREAM_INFO,
        ...bucketPermissions(buckets.lattice),
        ...bucketPermissions(buckets.config),
        systemSubjects.userInfo,
      ],
    },
    subscribe: {
      allow: [
        ...control.hostSubscriptions.map(({ subject, queue }) =>
          queue === undefined ? subject : `${subject} ${queue}`,
        ),
        OWN_INBOX,
      ],
    },
    responses: { max: 1, ttlMs: 10_000 },
  };
}

/** Calls between components and the management of providers. */
function hostRpc(root: string, lattice: string): Rule {
  const { calls, providers } = rpcSubjects(lattice);
  return {
    name: 'host-rpc',
    match: `${root}/lattice/${lattice}/host/{host}`,
    connection: 'rpc',
    account: 'HOSTS',
    publish: { allow: [calls, providers, systemSubjects.userInfo] },
    subscribe: { allow: [calls, providers, OWN_INBOX] },
    responses: { max: 1, ttlMs: 60_000 },
  };
}

/** Commands, reports and reading the audit records. Operators create the buckets and read them; only hosts write there. */
function operator(root: string, lattice: string): Rule {
  const buckets = latticeBuckets(lattice);
  return {
    name: 'operator',
    match: `${root}/operator/{name}`,
    account: 'HOSTS',
    publish: {
      allow: [
        controlSubjects(lattice).all,
        JETSTREAM_INFO,
        ...bucketPermissions(buckets.lattice, { isReader: true, isCreator: true }),
        ...bucketPermissions(buckets.config, { isReader: true, isCreator: true }),
        ...streamReadPermissions(auditStream(lattice), { isCreator: true }),
        systemSubjects.accountConnections,
        systemSubjects.userInfo,
      ],
    },
    subscribe: { allow: [eventSubject(lattice, '*'), auditSubject(lattice, '*'), OWN_INBOX] },
  };
}
