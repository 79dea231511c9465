// A process that asks the Workload API for its identity whenever it is told to, or once its parent is gone, and says what it got.
import { createInterface } from 'node:readline';
import { WorkloadApiClient } from '@muster/spiffe';

const [address = '', parent] = process.argv.slice(2);
const client = new WorkloadApiClient({ address });

async function fetchOnce(): Promise<void> {
  try {
    const svids = await client.fetchJwtSvids({ audience: ['a'] });
    console.log(svids.map(({ id }) => id.toString()).join(' '));
  } catch (error) {
    console.log((error as { code?: string }).code);
  }
}

if (parent !== undefined) {
  // Once the process that started this one is gone.
  while (String(process.ppid) === parent) await new Promise((resolve) => setTimeout(resolve, 5));
  await fetchOnce();
  await client.close();
} else {
  for await (const _line of createInterface({ input: process.stdin })) await fetchOnce();
}
