import type { NatsConnection } from '@nats-io/transport-node';
import { errors } from '@nats-io/transport-node';
import type { CtlResponse, HostPing, Link, LinkKey, ScaleComponent } from './control.ts';
import { encodeMessage, parseCtlResponse, parseHostInventory, parseHostPing, parseLinks } from './control.ts';
import { LatticeError } from './errors.ts';
import type { LatticeEvent } from './events.ts';
import { parseEvent } from './events.ts';
import type { HostInventory } from './inventory.ts';
import { parseStringMap } from './json.ts';
import type { ControlSubjects } from './subjects.ts';
import { controlSubjects, eventSubject } from './subjects.ts';

export interface ControlClientOptions {
  readonly lattice: string;
  /** Default `wasmbus.ctl`. */
  readonly prefix?: string;
  /** How long one request waits for its answer. Default 2 000. */
  readonly timeoutMs?: number;
  /** How long `ping` collects answers. Default 1 000. */
  readonly gatherMs?: number;
}

/** A watch that is open until `stop`. */
export interface EventWatch {
  stop(): void;
}

/**
 * Speaks the control interface of one lattice. Requests throw ERR_CONTROL_NO_ANSWER when nobody answers in time,
 * ERR_CONTROL_REFUSED with the host's own text when it says no, ERR_MESSAGE_MALFORMED when the answer is unreadable.
 */
export class ControlClient {
  readonly #nats: NatsConnection;
  readonly #lattice: string;
  readonly #subjects: ControlSubjects;
  readonly #timeoutMs: number;
  readonly #gatherMs: number;

  constructor(nats: NatsConnection, options: ControlClientOptions) {
    this.#nats = nats;
    this.#lattice = options.lattice;
    this.#subjects = controlSubjects(options.lattice, options.prefix);
    this.#timeoutMs = options.timeoutMs ?? 2_000;
    this.#gatherMs = options.gatherMs ?? 1_000;
  }

  /** All hosts that answer within `gatherMs`; unreadable answers are left out. Ends early at `expected` answers. */
  async ping(options: { expected?: number } = {}): Promise<readonly HostPing[]> {
    const found: HostPing[] = [];
    try {
      const limits = { strategy: 'timer', maxWait: this.#gatherMs } as const;
      for await (const message of await this.#nats.requestMany(this.#subjects.hostPing, undefined, limits)) {
        const host = readQuietly(() => parseCtlResponse(message.data, parseHostPing).response);
        if (host !== undefined) found.push(host);
        if (found.length === options.expected) break;
      }
    } catch (cause) {
      if (!isNobodyThere(cause)) {
        throw new LatticeError('ERR_CONTROL_NO_ANSWER', 'Cannot ping hosts: the request failed', { cause });
      }
    }
    return found;
  }

  async getHost(hostId: string): Promise<HostInventory> {
    return required(await this.#request(this.#subjects.hostGet(hostId), undefined, parseHostInventory));
  }

  /** Resolves when the host accepted; the outcome comes as `component_scaled` or `component_scale_failed`. */
  scaleComponent(command: ScaleComponent): Promise<CtlResponse<never>> {
    return this.#request(this.#subjects.scaleComponent(command.host_id), command);
  }

  /** Resolves when the host accepted; `host_stopped` follows. */
  stopHost(hostId: string): Promise<CtlResponse<never>> {
    return this.#request(this.#subjects.hostStop(hostId), { host_id: hostId });
  }

  putLink(link: Link): Promise<CtlResponse<never>> {
    return this.#request(this.#subjects.linkPut, link);
  }

  deleteLink(key: LinkKey): Promise<CtlResponse<never>> {
    return this.#request(this.#subjects.linkDel, key);
  }

  async getLinks(): Promise<readonly Link[]> {
    return required(await this.#request(this.#subjects.linkGet, undefined, parseLinks));
  }

  putConfig(name: string, config: Readonly<Record<string, string>>): Promise<CtlResponse<never>> {
    return this.#request(this.#subjects.configPut(name), config);
  }

  /** Undefined when there is no config of that name. */
  async getConfig(name: string): Promise<Readonly<Record<string, string>> | undefined> {
    return (await this.#request(this.#subjects.configGet(name), undefined, parseConfigMap)).response;
  }

  deleteConfig(name: string): Promise<CtlResponse<never>> {
    return this.#request(this.#subjects.configDel(name));
  }

  /**
   * Calls `listener` for each event of `name` (`*`: all) until stopped. Resolves when the server has the subscription,
   * so events caused afterwards are not missed. Unreadable events are left out.
   */
  async watchEvents(name: string, listener: (event: LatticeEvent) => void): Promise<EventWatch> {
    const subscription = this.#nats.subscribe(eventSubject(this.#lattice, name), {
      callback: (error, message) => {
        if (error !== null) return;
        const event = readQuietly(() => parseEvent(message.data));
        if (event !== undefined) listener(event);
      },
    });
    await this.#nats.flush();
    return { stop: () => subscription.unsubscribe() };
  }

  async #request<T = never>(
    subject: string,
    body?: object,
    parse?: (value: unknown) => T,
  ): Promise<CtlResponse<T>> {
    const data = body === undefined ? new Uint8Array() : encodeMessage(body);
    const message = await this.#nats
      .request(subject, data, { timeout: this.#timeoutMs })
      .catch((cause: unknown) => {
        const why = cause instanceof errors.TimeoutError ? 'no answer in time' : 'nobody answers';
        throw new LatticeError('ERR_CONTROL_NO_ANSWER', `Cannot send control request "${subject}": ${why}`, {
          cause,
        });
      });
    const answer = parseCtlResponse(message.data, parse);
    if (!answer.success) {
      throw new LatticeError(
        'ERR_CONTROL_REFUSED',
        `Cannot complete control request "${subject}": ${answer.message}`,
      );
    }
    return answer;
  }
}

function parseConfigMap(value: unknown): Readonly<Record<string, string>> {
  return parseStringMap('config', value);
}

function isNobodyThere(error: unknown): boolean {
  return (
    error instanceof errors.NoRespondersError ||
    (error instanceof errors.RequestError && error.isNoResponders())
  );
}

function required<T>(answer: CtlResponse<T>): T {
  if (answer.response !== undefined) return answer.response;
  throw new LatticeError('ERR_MESSAGE_MALFORMED', 'Cannot parse control reply: "response" is missing');
}

/** What others sent may be unreadable; one bad sender must not hide the rest. */
function readQuietly<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}
