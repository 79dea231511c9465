import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { natsServerConfig, type NatsServerConfigOptions } from '../src/config.ts';
import { quote } from '../src/quote.ts';

const OPTIONS: NatsServerConfigOptions = {
  serverName: 'dev',
  lattice: 'default',
  port: 0,
  storeDir: '/tmp/a "b"',
  tls: { certFile: '/tmp/server.pem', keyFile: '/proc/self/fd/3' },
  callout: { issuer: 'AISSUER', xkey: 'XKEY', user: 'UCALLOUT' },
  systemUser: 'USYSTEM',
};

describe('natsServerConfig', () => {
  const text = natsServerConfig(OPTIONS);

  it('listens on loopback, with no monitoring port', () => {
    assert.match(text, /^listen: "127\.0\.0\.1:-1"$/m);
    assert.doesNotMatch(text, /^http/m);
    assert.match(natsServerConfig({ ...OPTIONS, monitoringPort: 8_222 }), /^http: "127\.0\.0\.1:8222"$/m);
  });

  it('exempts only its own static users from the callout', () => {
    assert.match(text, /auth_users: \[ UCALLOUT, USYSTEM \]/);
    const { systemUser: _, ...rest } = OPTIONS;
    assert.match(natsServerConfig(rest), /auth_users: \[ UCALLOUT \]/);
    assert.match(natsServerConfig(rest), /SYS \{ users: \[ {2}\] \}/);
  });

  it('lets the callout publish its audit records and answers, nothing else', () => {
    assert.match(text, /subscribe: \{ allow: \["\$SYS\.REQ\.USER\.AUTH muster-callout"\] \}/);
    assert.match(text, /publish: \{ allow: \["muster\.audit\.default\.callout"\] \}/);
    assert.match(text, /allow_responses: \{ max: 1, expires: "5s" \}/);
  });

  it('shows HOSTS the audit subjects of this lattice only', () => {
    assert.match(text, /exports: \[ \{ stream: "muster\.audit\.default\.>", accounts: \[HOSTS\] \} \]/);
    assert.match(
      text,
      /imports: \[ \{ stream: \{ account: AUTH, subject: "muster\.audit\.default\.>" \} \} \]/,
    );
  });

  it('quotes paths and refuses what could break out', () => {
    assert.match(text, /store_dir: "\/tmp\/a \\"b\\""/);
    assert.throws(() => natsServerConfig({ ...OPTIONS, lattice: 'a.>' }), { code: 'ERR_NATS_SERVER_CONFIG' });
    assert.throws(() => natsServerConfig({ ...OPTIONS, lattice: '' }), { code: 'ERR_NATS_SERVER_CONFIG' });
    assert.throws(() => natsServerConfig({ ...OPTIONS, serverName: 'a\nb' }), {
      code: 'ERR_NATS_SERVER_CONFIG',
    });
    assert.throws(() => natsServerConfig({ ...OPTIONS, callout: { ...OPTIONS.callout, user: 'U }' } }), {
      code: 'ERR_NATS_SERVER_CONFIG',
    });
    assert.throws(() => quote('a\u0000'), { code: 'ERR_NATS_SERVER_CONFIG' });
  });

  it('states the limits of HOSTS', () => {
    assert.match(text, /max_conn: 5000\s+max_subs: 100000\s+max_payload: 1048576/);
    assert.match(natsServerConfig({ ...OPTIONS, hostsLimits: { maxConnections: 7 } }), /max_conn: 7/);
  });
});
