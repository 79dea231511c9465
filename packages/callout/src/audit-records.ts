import type { AuditCatalogue, FieldDescriptions } from '@muster/lattice';

const CLIENT: FieldDescriptions = {
  serverId: { type: 'text', meaning: 'nkey `N...` of the nats-server that asked.' },
  serverName: { type: 'text', meaning: 'Its name.' },
  clientId: {
    type: 'integer',
    meaning: 'Number of the connection there: with `serverId` it names one connection for ever.',
  },
  clientHost: { type: 'text', meaning: 'Address that the client came from.' },
  connection: { type: 'text', meaning: 'Name that the client gave its connection: `ctl`, `rpc`, `cli`.' },
};

/** Every kind of record that the callout writes. */
export const CALLOUT_AUDIT: AuditCatalogue = {
  allowed: {
    when: 'A client was let in.',
    decision: 'allow',
    rule: '<name of the rule>',
    spiffeId: 'the client',
    reasons: ['rule matched'],
    details: {
      ...CLIENT,
      account: { type: 'text', meaning: 'NATS account it was put into.' },
      userExpiresAt: {
        type: 'integer',
        meaning: 'When nats-server ends the connection, in milliseconds since the epoch.',
      },
    },
  },
  denied: {
    when: 'A client was refused. It heard `denied`.',
    decision: 'deny',
    rule: null,
    spiffeId: 'the client where its JWT-SVID was accepted but no rule is for it, else null',
    reasons: ['<code>: <why>', 'internal error'],
    details: CLIENT,
  },
  ignored: {
    when: 'A request was not genuine, or too many were waiting. It got no answer, and nats-server refused the client.',
    decision: 'deny',
    rule: null,
    spiffeId: 'null',
    reasons: ['<code>: <why>', 'internal error'],
    details: {},
  },
};
