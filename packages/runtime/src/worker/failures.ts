import { ComponentError } from '../errors.ts';

export const stopped = (): ComponentError =>
  new ComponentError('ERR_COMPONENT_STOPPED', 'The component is stopped');

export const aborted = (): ComponentError =>
  new ComponentError('ERR_COMPONENT_ABORTED', 'The caller cancelled the call');

export const tookTooLong = (deadlineMs: number): ComponentError =>
  new ComponentError('ERR_COMPONENT_DEADLINE', `The call took longer than ${deadlineMs} ms`);

export const waitedTooLong = (waitMs: number): ComponentError =>
  new ComponentError('ERR_COMPONENT_DEADLINE', `The call waited longer than ${waitMs} ms for its turn`);

export const endedWithoutResponse = (): ComponentError =>
  new ComponentError('ERR_COMPONENT_NO_RESPONSE', 'The component ended the call without a response');

export const workerStuck = (): ComponentError =>
  new ComponentError('ERR_COMPONENT_WORKER', 'The worker was ended because another call passed its deadline');

export const brokenProtocol = (): ComponentError =>
  new ComponentError('ERR_COMPONENT_WORKER', 'The worker of the component broke the protocol');

/** What the end of a worker means; without an error it went away by itself. */
export function workerFailed(error?: NodeJS.ErrnoException): ComponentError {
  if (error === undefined)
    return new ComponentError('ERR_COMPONENT_WORKER', 'The worker of the component ended');
  if (error.code === 'ERR_WORKER_OUT_OF_MEMORY') {
    return new ComponentError(
      'ERR_COMPONENT_OUT_OF_MEMORY',
      'The component used up the memory of its worker',
    );
  }
  return new ComponentError('ERR_COMPONENT_WORKER', 'The worker of the component failed', { cause: error });
}
