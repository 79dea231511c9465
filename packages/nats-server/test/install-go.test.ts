import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { goEnvironment } from '../src/install-go.ts';

describe('goEnvironment', () => {
  it("keeps the user's own settings", () => {
    const env = goEnvironment(
      { HOME: '/home/x', GOPROXY: 'https://proxy.example', GOFLAGS: '-v -mod=vendor' },
      '/bin/x',
    );
    assert.equal(env['HOME'], '/home/x');
    assert.equal(env['GOPROXY'], 'https://proxy.example');
    assert.equal(env['GOFLAGS'], '-v -mod=mod');
    assert.equal(env['GOBIN'], '/bin/x');
  });

  it('builds for this machine, outside any workspace', () => {
    const env = goEnvironment(
      { GOOS: 'plan9', GOARCH: 'mips', GOWORK: '/x/go.work', GO111MODULE: 'off' },
      '/bin/x',
    );
    assert.deepEqual(
      [env['GOOS'], env['GOARCH'], env['GO111MODULE'], env['GOWORK']],
      [undefined, undefined, undefined, 'off'],
    );
  });
});
