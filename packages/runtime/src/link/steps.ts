/** What instantiation replays. Opaque outside this package. */
export interface Plan {
  readonly steps: readonly unknown[];
}
