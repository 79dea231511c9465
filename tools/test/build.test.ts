import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite, test } from 'node:test';
import { publishedPackages, withBuiltImports, withoutMeanings, withTabs } from '../build.ts';
import { root } from '../source.ts';

suite('build', () => {
  test('a package comes after those that it depends on, and private ones do not come', () => {
    const folders = publishedPackages();
    assert.ok(!folders.includes('testing'));
    for (const [index, folder] of folders.entries()) {
      const manifest = JSON.parse(
        readFileSync(join(root, 'packages', folder, 'package.json'), 'utf8'),
      ) as Readonly<{
        dependencies?: Readonly<Record<string, string>>;
      }>;
      for (const dependency of Object.keys(manifest.dependencies ?? {})) {
        if (!dependency.startsWith('@muster/')) continue;
        const at = folders.indexOf(dependency.replace('@muster/', ''));
        assert.ok(at >= 0 && at < index, `${dependency} before ${folder}`);
      }
    }
  });

  test('relative imports of declarations name what was built', () => {
    const declarations = [
      `import type { A } from './a.ts';`,
      `import { type B } from "../b/c.ts";`,
      `import './side.ts';`,
      `export declare const d: import('./d.ts').D;`,
      `import type { E } from 'node:tls';`,
      `/** As in \`'./kept.ts'\`. */`,
    ].join('\n');
    assert.equal(
      withBuiltImports(declarations),
      [
        `import type { A } from './a.js';`,
        `import { type B } from "../b/c.js";`,
        `import './side.js';`,
        `export declare const d: import('./d.js').D;`,
        `import type { E } from 'node:tls';`,
        `/** As in \`'./kept.ts'\`. */`,
      ].join('\n'),
    );
  });

  test('the meaning of an error code is no type', () => {
    assert.equal(
      withoutMeanings(
        `    readonly ERR_A1: 'It\\'s "a"; b.';\n    readonly ERR_B: "It's b.";\n    readonly kind: 'kept';\n`,
      ),
      `    readonly ERR_A1: string;\n    readonly ERR_B: string;\n    readonly kind: 'kept';\n`,
    );
  });

  test('spaces at the beginning of lines become tabs, but not inside of a text', () => {
    const code = ['function a() {', '    if (b) {', '        return `one`;', '    }', '     * odd', '}'].join(
      '\n',
    );
    assert.equal(
      withTabs(code),
      ['function a() {', '\tif (b) {', '\t\treturn `one`;', '\t}', '\t * odd', '}'].join('\n'),
    );
    const text = ['function a() {', '    return `one', '    two`;', '}'].join('\n');
    assert.equal(withTabs(text), text);
  });
});
