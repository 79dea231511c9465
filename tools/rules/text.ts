import { type SourceFile, withoutComments, withoutText } from '../source.ts';
import { type Rule, isCode, isSource, isTest, search } from './rule.ts';

/** Where the words and patterns of these rules may stand themselves. */
const isOfRules = (path: string): boolean => /^tools\/(?:rules|test)\//.test(path);

/** Files that may write subjects, each for a reason. */
const subjectFiles = new Map([
  ['packages/lattice/src/subjects.ts', 'the one place'],
  ['packages/nats-server/src/config.ts', 'below the lattice; writes the permissions of the server itself'],
]);

/** The one place where node:tls is told not to judge a peer itself, because what judges instead is in the same file. */
const verifierOfClients = 'packages/spiffe/src/tls/guard.ts';
const opensTheDoor = 'door.rejectUnauthorized = false;';
/** Once, and letter by letter. */
const withoutDoor = (file: SourceFile): SourceFile =>
  file.path === verifierOfClients
    ? { ...file, text: file.text.replace(opensTheDoor, ' '.repeat(opensTheDoor.length)) }
    : file;

export const textRules: readonly Rule[] = [
  {
    name: 'exports',
    reason: 'what a package exports is an explicit list of names',
    check: (files) =>
      search(files, {
        within: (path) => isCode(path) && path.startsWith('packages/'),
        view: withoutText,
        pattern: /\bexport\s+(?:\*|default\b)/g,
        message: (match) => `${match[0]}: list names instead`,
      }),
  },
  {
    name: 'folders',
    reason: 'a file is named by a noun of the field; a drawer for the rest fills up',
    check: (files) =>
      files
        .filter(({ path }) => /\/(?:utils?|helpers?|common|misc|shared)(?:\/|\.ts$)/.test(path))
        .map(({ path }) => ({ path, message: 'this name says nothing; name it by what it holds' })),
  },
  {
    name: 'words',
    reason:
      'the project speaks of itself, not of the machine it was written on or where its packages come from',
    check: (files) =>
      search(files, {
        within: (path) => !isOfRules(path),
        pattern: /\b(?:registry|proxy)\.[\w-]+\.\w+|(?<![\w.)$}/])\/root\/[\w.]+/g,
        message: (match) => `names ${match[0]}`,
      }),
  },
  {
    name: 'subjects',
    reason:
      'subject text stands in lattice/src/subjects.ts, so that a permission and a message cannot drift apart',
    check: (files) =>
      search(files, {
        within: (path) => isSource(path) && !subjectFiles.has(path),
        view: withoutComments,
        pattern:
          /['"`](?:wasmbus\.|\$(?:SYS|JS|KV|O)\.|muster\.audit\.(?!v\d)|_INBOX|LATTICEDATA_|CONFIGDATA_)[^'"`\n]*/g,
        message: (match) => `subject text ${match[0].slice(1)}`,
      }),
  },
  {
    name: 'tls',
    reason: 'a peer is always verified; docs/adr/0004 says why one line of one file looks otherwise',
    check: (files) =>
      search(files.map(withoutDoor), {
        within: (path) => isCode(path) && !isOfRules(path),
        view: withoutComments,
        pattern: /rejectUnauthorized['"\]]*\s*(?::|=)\s*(?:false|!1)|NODE_TLS_REJECT_UNAUTHORIZED/g,
        message: (match) => match[0],
      }),
  },
  {
    name: 'generated code',
    reason: 'everything runs where making code from text is forbidden',
    check: (files) =>
      search(files, {
        within: isCode,
        view: withoutText,
        pattern: /\bnew\s+Function\b|(?<![.\w])eval\s*\(/g,
        message: (match) => match[0],
      }),
  },
  {
    name: 'run path',
    reason: 'components are run by our own runtime; the tools of the ecosystem only build them',
    check: (files) =>
      search(files, {
        within: (path) => /^packages\/[^/]+\/(?:src\/|package\.json$)/.test(path),
        view: withoutComments,
        pattern: /@bytecodealliance\//g,
        message: () => 'uses @bytecodealliance outside of tests and examples',
      }),
  },
  {
    name: 'only',
    reason: 'a test left alone hides all others',
    check: (files) =>
      search(files, {
        within: isTest,
        view: withoutText,
        pattern: /\b(?:test|it|describe|suite)\.only\s*\(|\bonly\s*:\s*true/g,
        message: (match) => `${match[0]} is left over`,
      }),
  },
];
