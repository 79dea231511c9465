import type { HttpServer, HttpServerConfig, HttpServerDeps } from './types.ts';

/** Opens one HTTP/1.1 listener. Throws ProviderError `ERR_HTTP_ADDRESS_*` or `ERR_HTTP_LISTEN_FAILED`. */
export async function startHttpServer(config: HttpServerConfig, deps: HttpServerDeps): Promise<HttpServer> {
  throw new Error(`not written yet: ${config.address} ${String(deps.isServing())}`);
}
