import type { AuditCatalogue, DescribedField, FieldDescriptions } from '@muster/lattice';

const COMPONENT_ID: DescribedField = { type: 'text', meaning: 'Id of the component in the lattice.' };
const IDENTITY: FieldDescriptions = {
  componentId: COMPONENT_ID,
  digest: { type: 'text', meaning: '`sha256:<hex>` of its file.' },
  lattice: { type: 'text', meaning: 'The lattice.' },
  hostId: { type: 'text', meaning: 'SPIFFE ID of the host that asked for it.' },
  audience: { type: 'text', meaning: 'Audience of the JWT-SVID.' },
};

/** Every kind of record that a host writes. */
export const HOST_AUDIT: AuditCatalogue = {
  identityGiven: {
    when: 'A JWT-SVID was fetched for a component: at its start (with its own SPIFFE ID as audience) and for each audience it asks for, again after half of its life.',
    decision: 'allow',
    rule: 'component-identity',
    spiffeId: 'the component',
    reasons: ['a registration entry matches', 'several registration entries match'],
    details: IDENTITY,
  },
  identityRefused: {
    when: 'A component got no JWT-SVID.',
    decision: 'deny',
    rule: 'component-identity',
    spiffeId: 'null',
    reasons: ['no registration entry matches', 'too many audiences'],
    details: IDENTITY,
  },
  scaleRefused: {
    when: 'A `component.scale` did not take effect; `component_scale_failed` says so to the lattice.',
    decision: 'deny',
    rule: 'component-scale',
    spiffeId: 'null',
    reasons: ['<code>'],
    details: {
      componentId: COMPONENT_ID,
      reference: { type: 'text', meaning: 'Reference in the command.' },
      count: { type: 'integer', meaning: 'Count in the command.' },
    },
  },
  linkUnusable: {
    when: 'A link from `http-server` opened no listener. Once, until the link or its config changes.',
    decision: 'deny',
    rule: 'http-link',
    spiffeId: 'null',
    reasons: ['no address', 'address wanted twice', 'secret in config', '<code>'],
    details: {
      componentId: COMPONENT_ID,
      link: { type: 'text', meaning: 'Name of the link.' },
      address: { type: 'text or null', meaning: 'Where it was to listen.' },
    },
  },
};
