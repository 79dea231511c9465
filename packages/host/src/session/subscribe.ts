import { controlSubjects } from '@muster/lattice';
import type { LatticeConnection, Logger } from '@muster/lattice';
import { dispatchControl } from '../control/dispatch.ts';
import type { ControlContext } from '../control/operation.ts';

/** Set by nats-server on what it republishes from a stream; nobody has sent such a message to this host. */
const STREAM_HEADER = 'Nats-Stream';

/** Subscribes to everything a host answers; resolves when the server knows the subscriptions. */
export async function subscribeControl(
  connection: LatticeConnection,
  context: ControlContext,
  logger: Logger,
): Promise<void> {
  const { nats } = connection;
  for (const { subject, queue } of controlSubjects(context.facts.lattice).subscriptions(context.facts.id)) {
    nats.subscribe(subject, {
      ...(queue === undefined ? {} : { queue }),
      callback: (error, message) => {
        if (error !== null) {
          logger.error('control subscription refused', { subject, error });
          return;
        }
        if (message.headers?.has(STREAM_HEADER) === true) {
          logger.warn('control request refused: it comes out of a stream', { subject });
          return;
        }
        void dispatchControl(
          {
            subject: message.subject,
            data: message.data,
            respond: (bytes) => respond(message, bytes, logger),
          },
          context,
          logger,
        );
      },
    });
  }
  await nats.flush();
}

/** The connection may be gone by the time an answer is ready; whoever asked will ask again. */
function respond(message: { respond(bytes: Uint8Array): boolean }, bytes: Uint8Array, logger: Logger): void {
  try {
    message.respond(bytes);
  } catch (error) {
    logger.warn('control reply not sent', { error });
  }
}
