import { accepted, parseLink, refused } from '@muster/lattice';
import type { Link } from '@muster/lattice';
import { SECRET_PREFIX } from '../component/config.ts';
import { checkId } from './ids.ts';
import type { ControlContext, ControlOperation } from './operation.ts';

const CONFLICT =
  'link already exists with different target, consider deleting the existing link or using a different link name';

/** Stores a link with its source; done when answered. */
export const linkPutOperation: ControlOperation = {
  name: 'link.put',
  target: 'none',
  malformed: 'failed to deserialize wrpc link definition',
  async run(context, body) {
    const link = parseLink(body);
    checkId('link source', link.source_id);
    checkId('link target', link.target);
    checkId('link name', link.name);
    try {
      const reason = (await missingConfigs(context, link)) ?? (await store(context, link));
      if (reason !== undefined) {
        context.publish('linkdef_set_failed', { ...link, error: reason });
        return refused(reason);
      }
    } catch (error) {
      context.publish('linkdef_set_failed', { ...link, error: 'failed to store link' });
      throw error;
    }
    context.publish('linkdef_set', link);
    return accepted('successfully set link');
  },
};

async function store(context: ControlContext, link: Link): Promise<string | undefined> {
  const { conflict } = await context.state.putLink(link);
  return conflict ? CONFLICT : undefined;
}

async function missingConfigs(context: ControlContext, link: Link): Promise<string | undefined> {
  let text = '';
  for (const name of [...link.source_config, ...link.target_config]) {
    if ((await context.state.fetchConfig(name)) === undefined) {
      const kind = name.startsWith(SECRET_PREFIX) ? 'Secret' : 'Configuration';
      text += `${kind} ${name} not found in config store. `;
    }
  }
  return text === '' ? undefined : `Failed to validate configuration and secrets. ${text}`;
}
