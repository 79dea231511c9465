import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import { ComponentError } from '../../src/errors.ts';
import { startComponentPool } from '../../src/worker/pool.ts';
import type {
  ComponentPool,
  ComponentPoolOptions,
  HttpRequest,
  HttpResponse,
} from '../../src/worker/types.ts';
import { buildGuest } from './guests.ts';

/** A pool of the guest `many`, stopped when the test ends. */
export async function startMany(
  context: TestContext,
  options: Partial<ComponentPoolOptions> = {},
): Promise<ComponentPool> {
  const pool = await startComponentPool({
    name: 'many',
    bytes: await buildGuest('many'),
    grants: { interfaces: [] },
    config: {},
    ...options,
  });
  context.after(() => pool.stop());
  return pool;
}

export function request(path: string, body?: HttpRequest['body']): HttpRequest {
  return {
    method: body === undefined ? 'GET' : 'POST',
    scheme: 'http',
    authority: 'example.org',
    pathWithQuery: path,
    headers: [['accept', '*/*']],
    body,
  };
}

export async function textOf(response: HttpResponse): Promise<string> {
  const { body } = response;
  if (body === undefined) return '';
  if (body instanceof Uint8Array) return Buffer.from(body).toString();
  const chunks: Uint8Array[] = [];
  for await (const chunk of body) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}

export async function get(pool: ComponentPool, path: string, signal?: AbortSignal): Promise<string> {
  return textOf(await pool.handleHttp(request(path), signal === undefined ? {} : { signal }));
}

export function withCode(code: string, text?: string): (error: unknown) => boolean {
  return (error) => {
    assert.ok(error instanceof ComponentError, String(error));
    assert.equal(error.code, code, error.message);
    if (text !== undefined) assert.ok(error.message.includes(text), error.message);
    return true;
  };
}
