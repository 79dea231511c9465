import { accepted, parseLinkKey } from '@muster/lattice';
import { checkId } from './ids.ts';
import type { ControlOperation } from './operation.ts';

/** Removes the first link with the key. The event comes also when none matched, as in v1. */
export const linkDelOperation: ControlOperation = {
  name: 'link.del',
  target: 'none',
  malformed: 'failed to deserialize wrpc link definition',
  async run(context, body) {
    const key = parseLinkKey(body);
    checkId('link source', key.source_id);
    const { hasSpec, removed } = await context.state.deleteLink(key);
    if (!hasSpec) {
      return accepted("successfully deleted link (spec doesn't exist)");
    }
    const { source_id, name, wit_namespace, wit_package } = key;
    context.publish('linkdef_deleted', {
      source_id,
      name,
      wit_namespace,
      wit_package,
      ...(removed === undefined ? {} : { target: removed.target, interfaces: removed.interfaces }),
    });
    return accepted('successfully deleted link');
  },
};
