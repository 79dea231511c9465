import { encodeMessage, parseControlSubject, refused } from '@muster/lattice';
import type { CtlResponse, Logger } from '@muster/lattice';
import { describeFailure } from '../failure.ts';
import { claimsGetOperation } from './claims-get.ts';
import { componentAuctionOperation } from './component-auction.ts';
import { componentScaleOperation } from './component-scale.ts';
import { configDelOperation } from './config-del.ts';
import { configGetOperation } from './config-get.ts';
import { configPutOperation } from './config-put.ts';
import { hostGetOperation } from './host-get.ts';
import { hostPingOperation } from './host-ping.ts';
import { hostStopOperation } from './host-stop.ts';
import { linkDelOperation } from './link-del.ts';
import { linkGetOperation } from './link-get.ts';
import { linkPutOperation } from './link-put.ts';
import type { ControlContext, ControlOperation } from './operation.ts';
import { providerAuctionOperation } from './provider-auction.ts';

/** Everything a host answers. */
export const controlOperations: readonly ControlOperation[] = [
  hostPingOperation,
  hostGetOperation,
  hostStopOperation,
  componentScaleOperation,
  componentAuctionOperation,
  providerAuctionOperation,
  claimsGetOperation,
  linkPutOperation,
  linkGetOperation,
  linkDelOperation,
  configPutOperation,
  configGetOperation,
  configDelOperation,
];

const byName: ReadonlyMap<string, ControlOperation> = new Map(
  controlOperations.map((operation) => [operation.name, operation]),
);

/** A control request as it came in. */
export interface ControlMessage {
  readonly subject: string;
  readonly data: Uint8Array;
  /** Does nothing when nobody asked for a reply. */
  respond(bytes: Uint8Array): void;
}

/** Answers one control request; never rejects. Unknown subjects are answered `unsupported subject`, as in v1. */
export async function dispatchControl(
  message: ControlMessage,
  context: ControlContext,
  logger: Logger,
): Promise<void> {
  const route = parseControlSubject(message.subject, context.facts.lattice);
  const operation = route === undefined ? undefined : byName.get(`${route.noun}.${route.verb}`);
  if (operation === undefined || !isTarget(operation, route?.name, context.facts.id)) {
    message.respond(encodeMessage(refused('unsupported subject')));
    return;
  }
  let after: (() => void) | undefined;
  try {
    const answer = await operation.run(context, message.data, route?.name ?? '');
    if (answer === undefined) {
      return;
    }
    if ('reply' in answer) {
      ({ after } = answer);
      message.respond(encodeMessage(answer.reply));
    } else {
      message.respond(encodeMessage(answer));
    }
  } catch (error) {
    message.respond(encodeMessage(failure(operation, error, logger)));
  }
  after?.();
}

function isTarget({ target }: ControlOperation, name: string | undefined, hostId: string): boolean {
  if (target === 'none') {
    return name === undefined;
  }
  return target === 'host' ? name === hostId : name !== undefined && name !== '';
}

function failure(operation: ControlOperation, error: unknown, logger: Logger): CtlResponse<never> {
  const { code, text } = describeFailure(error);
  if (code === 'ERR_MESSAGE_MALFORMED') {
    return refused(operation.malformed);
  }
  logger.warn('control request failed', { operation: operation.name, code, error });
  return refused(text);
}
