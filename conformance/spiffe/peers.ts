// The real programs on the other side. Absent ones are said aloud, never passed over in silence.
import { buildPeer, findPeer, peers } from '../../tools/build-peers.ts';

export interface Peers {
  readonly 'spire-server': string;
  readonly 'spire-agent': string;
  readonly 'go-spiffe-peer': string;
}

/** Paths of all peers, or why there are none: the reason that every test of the file is skipped with. */
export type FoundPeers =
  | { readonly paths: Peers; readonly skip: false }
  | { readonly paths?: never; readonly skip: string };

/** Finds the peers. With `CI` set the missing ones are built first. */
export async function findPeers(): Promise<FoundPeers> {
  const paths: Record<string, string> = {};
  for (const peer of peers) {
    const found = findPeer(peer) ?? (isCi() ? await tryToBuild(peer) : 'run "npm run peers" (Go is needed)');
    if (typeof found === 'string') return loudly(`${peer.name} is not there: ${found}`);
    Object.assign(paths, found);
  }
  return { paths: paths as unknown as Peers, skip: false };
}

function isCi(): boolean {
  return (process.env['CI'] ?? '') !== '';
}

async function tryToBuild(peer: (typeof peers)[number]): Promise<Record<string, string> | string> {
  try {
    return await buildPeer(peer, (line) => console.error(`# ${peer.name}: ${line}`));
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

function loudly(skip: string): FoundPeers {
  console.error(`# INTEROPERABILITY TESTS ARE SKIPPED: ${skip}`);
  return { skip };
}
