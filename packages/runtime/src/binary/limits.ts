/** Bounds on what a component's bytes may ask for. All are checked before the matching allocation. */
export interface CompileLimits {
  /** Size of the whole binary, in bytes. */
  readonly componentBytes: number;
  /** Vector entries, definitions and type nodes in the whole tree, counted while decoding. */
  readonly items: number;
  /** Definitions evaluated while linking; nested components are evaluated once per instantiation. */
  readonly definitions: number;
  /** Nesting of components and of component and instance types. */
  readonly nesting: number;
  /** Nesting of one value type: `option<list<...>>` counts 2. */
  readonly typeDepth: number;
  /** Core modules in the tree, and core instances made from them. */
  readonly coreInstances: number;
  /** Locals and operands of one core function times the bytes of its body: bounds the memory that compiling it takes. */
  readonly functionEffort: number;
  /** Linear memories in the instantiated tree. */
  readonly memories: number;
  /** Tables in the instantiated tree. */
  readonly tables: number;
  /**
   * All memories of the tree together, in bytes. Each gets a maximum written into its module: its share by the
   * size it starts with, in pages of 64 KiB.
   */
  readonly memoryBytes: number;
  /** All tables of the tree together, in elements, shared like the memory. */
  readonly tableElements: number;
}

export const defaultCompileLimits: CompileLimits = Object.freeze({
  componentBytes: 256 * 1024 * 1024,
  items: 1_000_000,
  definitions: 200_000,
  nesting: 40,
  typeDepth: 60,
  coreInstances: 1_000,
  functionEffort: 100_000_000,
  memories: 16,
  tables: 256,
  memoryBytes: 256 * 1024 * 1024,
  tableElements: 100_000,
});

/** Bounds on one running instance. */
export interface InstanceLimits {
  /** Live handles per component instance. */
  readonly handles: number;
  /** Bytes of guest memory that one crossing may turn into JavaScript values. */
  readonly liftBytes: number;
}

export const defaultInstanceLimits: InstanceLimits = Object.freeze({
  handles: 10_000,
  liftBytes: 32 * 1024 * 1024,
});
