#!/usr/bin/env node
// Plain JavaScript that any Node can read, so that an old one gets a clear line instead of a syntax error.
const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
if (major < 24 || (major === 24 && minor < 20)) {
  console.error(
    `error ERR_NODE_VERSION: muster needs Node 24.20 or newer, this is ${process.version}. ` +
      'Run it as "npx muster" (the project brings its own Node), or install a newer one.',
  );
  process.exitCode = 1;
} else {
  const { existsSync } = await import('node:fs');
  const source = new URL('../src/main.ts', import.meta.url);
  if (existsSync(source)) {
    // In the repository the packages run from source: the hook adds the condition without a second process.
    const { registerHooks } = await import('node:module');
    registerHooks({
      resolve: (specifier, context, next) =>
        next(specifier, { ...context, conditions: [...context.conditions, '@muster/source'] }),
    });
    await (await import(source.href)).main();
  } else {
    await (await import('../dist/main.js')).main();
  }
}
