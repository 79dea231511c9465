// node end-with-parent.ts PROGRAM [ARGUMENT...], started as the leader of a process group, with a pipe to the parent as
// descriptor 3. Runs the program; when the parent is gone, however it ended, everything in the group is killed.
import { spawn } from 'node:child_process';
import { Socket } from 'node:net';

const [program = process.execPath, ...programArguments] = process.argv.slice(2);
const child = spawn(program, programArguments, { stdio: ['ignore', 'inherit', 'inherit'] });
child.once('error', (error) => {
  process.stderr.write(`${error.message}\n`);
  process.exit(1);
});
child.once('exit', (code) => process.exit(code ?? 1));
new Socket({ fd: 3, readable: true, writable: false })
  .on('error', () => undefined)
  .once('close', () => process.kill(0, 'SIGKILL'))
  .resume();
