const form = /^(\[[0-9A-Fa-f:.]{2,45}\]|[A-Za-z0-9._-]{1,255})(?::(\d{1,5}))?$/;

/** Decides which values of Host are answered. The last decision is kept, because clients repeat themselves. */
export interface AuthorityCheck {
  readonly check: (authority: string) => 'ok' | 'malformed' | 'refused';
}

/** Accepts well-formed `host[:port]`; with a list only hosts in it, where an entry without port fits every port. */
export function createAuthorityCheck(allowedHosts: readonly string[] | undefined): AuthorityCheck {
  const allowed =
    allowedHosts === undefined ? undefined : new Set(allowedHosts.map((host) => host.toLowerCase()));
  let last = '';
  let lastResult: 'ok' | 'malformed' | 'refused' = 'malformed';
  return {
    check: (authority) => {
      if (authority !== last) {
        last = authority;
        lastResult = decide(authority, allowed);
      }
      return lastResult;
    },
  };
}

function decide(authority: string, allowed: ReadonlySet<string> | undefined): 'ok' | 'malformed' | 'refused' {
  const match = form.exec(authority);
  if (match === null || Number(match[2] ?? 0) > 65_535) {
    return 'malformed';
  }
  if (allowed === undefined) {
    return 'ok';
  }
  const host = (match[1] ?? '').toLowerCase();
  return allowed.has(host) || allowed.has(authority.toLowerCase()) ? 'ok' : 'refused';
}
