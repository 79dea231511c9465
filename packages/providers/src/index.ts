export { PROVIDERS_ERRORS, ProviderError } from './errors.ts';
export type { ProviderErrorCode } from './errors.ts';
export { startHttpServer } from './http-server/server.ts';
export type {
  HttpContext,
  HttpHandler,
  HttpLimits,
  HttpRequest,
  HttpResponse,
  HttpServer,
  HttpServerConfig,
  HttpServerDeps,
} from './http-server/types.ts';
