import type { Selector } from '@muster/spiffe';

/** Annotation that names the application a component belongs to. */
export const APPLICATION_ANNOTATION = 'wasmcloud.dev/appspec';

/** The facts about a component that a registration entry can name. */
export interface ComponentFacts {
  readonly digest: string;
  readonly componentId: string;
  readonly lattice: string;
  /** SPIFFE ID of the host that runs it. */
  readonly hostId: string;
  readonly annotations: Readonly<Record<string, string>>;
}

/** Selectors of type `wasm`; the application is left out where the annotation is missing or not one plain word. */
export function componentSelectors(facts: ComponentFacts): Selector[] {
  const wasm = (value: string): Selector => ({ type: 'wasm', value });
  const selectors = [
    wasm(`component-digest:${facts.digest}`),
    wasm(`component-id:${facts.componentId}`),
    wasm(`lattice:${facts.lattice}`),
    wasm(`host-id:${facts.hostId}`),
  ];
  const app = applicationOf(facts.annotations);
  if (app !== undefined) {
    selectors.push(wasm(`app:${app}`));
  }
  return selectors;
}

/** The application, undefined unless it is 1 to 128 letters, digits, `.`, `-` and `_`. */
export function applicationOf(annotations: Readonly<Record<string, string>>): string | undefined {
  const app = Object.hasOwn(annotations, APPLICATION_ANNOTATION)
    ? annotations[APPLICATION_ANNOTATION]
    : undefined;
  return app !== undefined && /^[A-Za-z0-9._-]{1,128}$/.test(app) ? app : undefined;
}
