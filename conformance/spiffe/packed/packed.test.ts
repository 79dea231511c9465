// The library used alone: packed, installed in an empty project without a network, its types checked, and the programs of
// its README run there, as they stand but for addresses and paths, on the Node of the project and on the newest one.
import { fetchBundle, TrustDomain } from '@muster/spiffe';
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { after, before, suite, test } from 'node:test';
import { Program, type Outcome, run, temporaryFolder } from '../program.ts';
import { freePort } from '../../../integration/support/ports.ts';
import { root } from '../../../tools/source.ts';
import { findNode, NEWEST_NODE } from './other-node.ts';
import { filesOf, installPacked, typeErrors, usesOf, withPlaces } from './package.ts';
import { bundleDocument, servePartner, TestDomain, writeSvid, writeWebCertificate } from './places.ts';

const mostBytes = 500_000;
const folder = temporaryFolder('packed');
const installed = await installPacked(folder);
const uses = usesOf(readFileSync(join(installed.folder, 'README.md'), 'utf8'));

function useOf(name: string): string {
  const found = [...uses].find(([heading]) => heading.startsWith(name));
  assert.ok(found !== undefined && found[1] !== '', `the README shows no use "${name}"`);
  return found[1];
}

suite('package', () => {
  test('brings nothing else along, and is small', () => {
    const { packages, tarballBytes, installedBytes } = installed;
    const dependencies = packages.length - 1;
    const size = (bytes: number): string => `${(bytes / 1_000).toFixed(0)} kB`;
    console.log(
      `# @muster/spiffe: ${dependencies} dependencies, tarball ${size(tarballBytes)}, installed ${size(installedBytes)}`,
    );
    assert.ok(packages.includes('node_modules/@muster/spiffe'));
    assert.ok(dependencies <= 1, packages.join(', '));
    assert.ok(installedBytes < mostBytes, size(installedBytes));
  });

  test('holds what was built, its licence and its pages, and neither sources nor tests', () => {
    const files = filesOf(installed.folder);
    for (const wanted of ['LICENSE', 'README.md', 'package.json', 'dist/index.js', 'dist/index.d.ts']) {
      assert.ok(files.includes(wanted), wanted);
    }
    const kinds = /^(?:LICENSE|README\.md|package\.json|docs\/[\w-]+\.md|dist\/[\w/-]+\.(?:js|d\.ts))$/;
    assert.deepEqual(
      files.filter((file) => !kinds.test(file)),
      [],
    );
    const code = files.filter((file) => file.endsWith('.js'));
    assert.ok(code.length > 50);
    for (const file of code) {
      const text = readFileSync(join(installed.folder, file), 'utf8');
      assert.doesNotMatch(text, /from '\.[^']*\.ts'/, file);
      for (const [, imported = ''] of text.matchAll(/^(?:import|export)\b[^;]*? from '([^']+)'/gms)) {
        assert.match(imported, /^(?:node:|\.)/, `${file} imports ${imported}`);
      }
    }
  });

  test('every module that it names can be imported, and nothing else', async () => {
    const manifest = JSON.parse(readFileSync(join(installed.folder, 'package.json'), 'utf8')) as {
      readonly exports: Readonly<Record<string, unknown>>;
    };
    const entries = Object.keys(manifest.exports).map((path) => `@muster/spiffe${path.slice(1)}`);
    assert.ok(entries.length >= 2);
    const code = [
      ...entries.map(
        (entry) => `if (Object.keys(await import('${entry}')).length === 0) throw new Error('${entry}');`,
      ),
      // Pieced together, since nothing of this project may name it.
      `await import(['@muster', 'spiffe', 'dist', 'index.js'].join('/')).then(() => process.exit(1), () => {});`,
      `console.log('imported');`,
    ].join('\n');
    const { stdout, stderr } = await runProgram(process.execPath, 'imports', code, {});
    assert.equal(stdout, 'imported\n', stderr);
  });

  test('links of its pages lead to what comes along, or stands in the repository', () => {
    // To be read before installing, or said by the declarations as well.
    const left = ['docs/coming-from-go-spiffe.md', '../../docs/api/spiffe.md'];
    for (const page of filesOf(installed.folder).filter((file) => file.endsWith('.md'))) {
      const text = readFileSync(join(installed.folder, page), 'utf8').replaceAll(/`[^`\n]*`/g, '');
      for (const [, target = ''] of text.matchAll(/\]\(([^)#\s]+)[^)]*\)/g)) {
        if (/^[a-z]+:/.test(target)) continue;
        const folder = left.includes(target) ? join(root, 'packages', 'spiffe') : installed.folder;
        assert.ok(existsSync(join(folder, page, '..', target)), `${page} links to ${target}`);
      }
    }
  });
});

suite('types', () => {
  before(() => {
    for (const [heading, code] of uses) {
      writeFileSync(join(installed.project, `use-${heading.split(/\W/, 1)[0]?.toLowerCase()}.ts`), code);
    }
    writeFileSync(
      join(installed.project, 'entries.ts'),
      `import * as spiffe from '@muster/spiffe';\nimport * as wire from '@muster/spiffe/wire';\nexport const entries = [spiffe, wire];\n`,
    );
  });

  for (const [name, options] of [
    ['nodenext', { module: 'nodenext', moduleResolution: 'nodenext' }],
    ['bundler', { module: 'esnext', moduleResolution: 'bundler' }],
    ['ES2022 only', { module: 'nodenext', lib: ['es2022'] }],
    [
      'everything strict',
      {
        module: 'nodenext',
        noUncheckedIndexedAccess: true,
        noPropertyAccessFromIndexSignature: true,
        noImplicitOverride: true,
        verbatimModuleSyntax: true,
        isolatedModules: true,
        erasableSyntaxOnly: true,
      },
    ],
  ] as const) {
    test(`check with ${name}, declarations included`, async () => {
      assert.equal(await typeErrors(installed.project, options), '');
    });
  }

  test('a wrong use does not pass', async () => {
    writeFileSync(
      join(installed.project, 'entries.ts'),
      `import { SpiffeId } from '@muster/spiffe';\nexport const id: string = SpiffeId.parse('spiffe://example.org/a');\n`,
    );
    assert.match(await typeErrors(installed.project, { module: 'nodenext' }), /entries\.ts.*TS2322/);
  });
});

let programs = 0;

async function runProgram(
  node: string,
  name: string,
  code: string,
  env: Readonly<Record<string, string>>,
): Promise<Outcome> {
  return run(node, programWords(name, code), '', programEnv(env));
}

function programWords(name: string, code: string): string[] {
  programs += 1;
  const path = join(installed.project, `${name}-${programs}.mts`);
  writeFileSync(path, code);
  return ['--disable-warning=ExperimentalWarning', path];
}

/** Nothing of the project's own way of running is handed on. */
function programEnv(env: Readonly<Record<string, string>>): NodeJS.ProcessEnv {
  const { NODE_OPTIONS: _options, NODE_TEST_CONTEXT: _context, ...rest } = process.env;
  return { ...rest, ...env };
}

const newest = await findNode(NEWEST_NODE);

for (const { name, path, skip } of [
  { name: `Node ${process.versions.node}`, path: process.execPath, skip: false as const },
  { name: `Node ${NEWEST_NODE}`, ...newest },
]) {
  suite(`uses of the README on ${name}`, { skip }, () => {
    let domain: TestDomain;
    let stranger: TestDomain;
    before(() => {
      domain = new TestDomain('example.org');
      stranger = new TestDomain('other.example');
    });
    after(async () => {
      await domain[Symbol.asyncDispose]();
      await stranger[Symbol.asyncDispose]();
    });
    const work = (purpose: string): string => {
      const made = join(folder, `${purpose}-${path.replaceAll('/', '_')}`);
      mkdirSync(made, { recursive: true });
      return made;
    };

    test('server and client', async () => {
      const port = String(await freePort());
      const serverApi = await domain.startApi('spiffe://example.org/server');
      const clientApi = await domain.startApi('spiffe://example.org/client');
      const words = programWords('server', withPlaces(useOf('Server'), { '8443': port }));
      await using server = new Program(
        path,
        words,
        programEnv({ SPIFFE_ENDPOINT_SOCKET: serverApi.address }),
      );
      await server.until('it listens', () => canConnect(Number(port)));
      const code = withPlaces(useOf('Client'), { 'localhost:8443': `localhost:${port}` });
      const call = (program: string, address: string): Promise<Outcome> =>
        runProgram(path, 'client', program, { SPIFFE_ENDPOINT_SOCKET: address });

      const answer = await call(code, clientApi.address);
      assert.equal(answer.stdout, 'hello spiffe://example.org/client\n', answer.stderr);
      assert.equal(answer.code, 0);

      const other = await call(
        withPlaces(code, { 'spiffe://example.org/server': 'spiffe://example.org/b' }),
        clientApi.address,
      );
      assert.match(other.stderr, /ERR_ID_NOT_AUTHORIZED/, 'a server with another SPIFFE ID is refused');
      assert.equal(other.stdout, '');
      // It trusts the server, so that only the server can refuse.
      const foreign = await stranger.startApi('spiffe://other.example/client', {
        federatesWith: [domain.ca],
      });
      const refused = await call(code, foreign.address);
      assert.notEqual(refused.code, 0);
      assert.equal(refused.stdout, '');
    });

    test('token', async () => {
      const api = await domain.startApi('spiffe://example.org/client');
      const { stdout, stderr } = await runProgram(path, 'token', useOf('Token'), {
        SPIFFE_ENDPOINT_SOCKET: api.address,
      });
      assert.equal(stdout, 'from spiffe://example.org/client\n', stderr);
      const forged = await domain.startApi('spiffe://example.org/client', { signer: stranger.jwt });
      const refused = await runProgram(path, 'token', useOf('Token'), {
        SPIFFE_ENDPOINT_SOCKET: forged.address,
      });
      assert.match(refused.stderr, /ERR_JWT_SIGNATURE/);
      assert.equal(refused.stdout, '');
    });

    test('files', async () => {
      const place = work('files');
      const [read, written, mark] = ['read', 'written', 'renewed'].map((name) => join(place, name)) as [
        string,
        string,
        string,
      ];
      writeSvid(read, domain.ca, 'spiffe://example.org/files');
      const code = withPlaces(useOf('Files'), {
        '/var/run/secrets/spiffe.io': read,
        '/run/nginx/svid': written,
        "['nginx', '-s', 'reload']": `['touch', '${mark}']`,
      });
      await using program = new Program(path, programWords('files', code), programEnv({}));
      await program.until('the files are written', () => existsSync(join(written, 'tls.key')));
      assert.deepEqual(program.lines, ['spiffe://example.org/files']);
      const same = (): boolean =>
        ['tls.crt', 'tls.key', 'ca.crt'].every((name) =>
          sameLines(readFileSync(join(read, name), 'utf8'), readFileSync(join(written, name), 'utf8')),
        );
      assert.ok(same());
      writeSvid(read, domain.ca, 'spiffe://example.org/files');
      await program.until(
        'the renewed SVID is written, and the command run',
        () => existsSync(mark) && same(),
      );
    });

    test('federation', async () => {
      const place = work('federation');
      const authority = writeWebCertificate(place);
      writeFileSync(join(place, 'bundle.json'), bundleDocument(domain, 7n));
      const web = { cert: readFileSync(join(place, 'tls.crt')), key: readFileSync(join(place, 'tls.key')) };
      await using partner = await servePartner(stranger, 5n, web);
      const port = String(await freePort());
      const code = withPlaces(useOf('Federation'), {
        '/srv/': `${place}/`,
        '9443': port,
        'https://bundles.partner.example/': partner.url,
        'partner.example': stranger.ca.trustDomain.name,
      });
      const env = programEnv({ NODE_EXTRA_CA_CERTS: authority });
      await using program = new Program(path, programWords('federation', code), env);
      await program.until("the partner's bundle is there", () => program.lines.length > 0);
      assert.deepEqual(program.lines, ['partner 5']);
      await program.until('it listens', () => canConnect(Number(port)));
      const bundle = await fetchBundle({
        trustDomain: TrustDomain.parse('example.org'),
        url: `https://localhost:${port}/`,
        profile: { type: 'https_web', ca: readFileSync(authority, 'utf8') },
      });
      assert.equal(bundle.sequence, 7n);
      assert.ok(bundle.x509Bundle.equals(domain.ca.bundle));
    });
  });
}

/** PEM may be broken into lines at other places. */
function sameLines(one: string, other: string): boolean {
  return one.replaceAll(/\s/g, '') === other.replaceAll(/\s/g, '');
}

async function canConnect(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, 'localhost');
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => {
      resolve(false);
    });
  });
}
