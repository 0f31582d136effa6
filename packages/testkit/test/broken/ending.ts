import { built, listening, script, serving } from './applications.js'
import { type Broken, quick } from './broken.js'

// Started, and then its process ends.

export const ending: Broken[] = [
  {
    name: 'exits',
    application: () => script("console.error('no database'); process.exit(3)"),
    code: 'process-exited',
    field: 'runtime.startCommand',
    message: /exit code 3/,
    log: 'no database',
    cause: 'exit',
    sample: true,
  },
  {
    name: 'missing-variable',
    application: () => script("if (!process.env.DATABASE_URL) throw new Error('DATABASE_URL is not set')"),
    code: 'process-exited',
    field: 'environment',
    hint: /environment.*DATABASE_URL|DATABASE_URL.*environment/,
    log: 'DATABASE_URL is not set',
    cause: 'exit',
    sample: true,
  },
  {
    name: 'no-such-program-in-a-shell',
    application: () => ({ ...listening, runtime: { startCommand: 'nosuch --serve' } }),
    code: 'process-exited',
    field: 'runtime.startCommand',
    message: /exit code 127/,
    log: 'not found',
    cause: 'exit',
  },
  {
    name: 'not-executable',
    application: () => ({ ...listening, runtime: { startCommand: ['/etc/passwd'] } }),
    code: 'process-exited',
    field: 'runtime.startCommand',
    hint: /runtime\.startCommand.*permission|permission.*runtime\.startCommand/,
    log: 'Permission denied',
    cause: 'exit',
  },
  {
    name: 'built-for-another-processor',
    application: () =>
      // The head of a program for another processor.
      built(
        {},
        `RUN node -e "const b = Buffer.alloc(4096); b.set([127,69,76,70,2,1,1]); b.writeUInt16LE(2, 16); b.writeUInt16LE(243, 18); require('fs').writeFileSync('/app', b, { mode: 0o755 })"\nCMD ["/app"]`,
      ),
    code: 'process-exited',
    field: 'runtime.startCommand',
    hint: /processor/,
    log: 'ELF',
    cause: 'exit',
  },
  {
    name: 'killed-for-memory',
    application: () => ({
      ...script('const all = []; for (;;) all.push(Buffer.alloc(1e7, 1))'),
      runtime: {
        startCommand: ['node', '-e', 'const all = []; for (;;) all.push(Buffer.alloc(1e7, 1))'],
        resources: { memoryMiB: 64 },
      },
    }),
    code: 'out-of-memory',
    field: 'runtime.resources',
    cause: 'exit',
    sample: true,
  },
  {
    name: 'heap-too-small',
    application: () => ({
      ...listening,
      runtime: {
        startCommand: [
          'node',
          '--max-old-space-size=24',
          '-e',
          'const all = []; for (;;) all.push({ a: [all.length] })',
        ],
      },
    }),
    code: 'out-of-memory',
    field: 'runtime.resources',
    log: 'heap out of memory',
    cause: 'exit',
  },
  {
    name: 'disk-full-inside',
    application: () => script("require('fs').writeFileSync('/dev/shm/all', Buffer.alloc(2 ** 27))"),
    code: 'disk-full',
    field: 'volumes',
    log: 'ENOSPC',
    cause: 'exit',
    sample: true,
  },
  {
    name: 'entry-missing',
    application: () => ({ ...listening, runtime: { startCommand: ['node', '/srv/dist/server.js'] } }),
    code: 'process-exited',
    field: 'runtime.startCommand',
    hint: /\/srv\/dist\/server\.js/,
    log: 'Cannot find module',
    cause: 'exit',
  },
  {
    name: 'syntax-error',
    application: () => built({ 'server.js': 'const a = {' }, 'COPY server.js /srv/\nCMD ["node", "/srv/server.js"]'),
    code: 'process-exited',
    field: 'source',
    hint: /\/srv\/server\.js:1/,
    log: 'SyntaxError',
    cause: 'exit',
  },
  {
    name: 'module-missing',
    application: () =>
      built({ 'server.js': "require('express')()" }, 'COPY server.js /srv/\nCMD ["node", "/srv/server.js"]'),
    code: 'process-exited',
    field: 'runtime.dockerfilePath',
    hint: /express/,
    log: "Cannot find module 'express'",
    cause: 'exit',
  },
  {
    name: 'wrong-user-on-a-volume',
    application: () =>
      built(
        { 'server.js': "require('fs').writeFileSync('/data/store.db', '')" },
        'COPY server.js /srv/\nUSER node\nCMD ["node", "/srv/server.js"]',
        { volumes: [{ name: 'data', path: '/data' }] },
      ),
    code: 'process-exited',
    field: 'volumes',
    hint: /\/data/,
    log: 'EACCES',
    cause: 'exit',
  },
  {
    name: 'port-used-twice',
    application: () => script("for (const n of [1, 2]) require('http').createServer().listen(3000)"),
    code: 'process-exited',
    field: 'network.internalPort',
    log: 'EADDRINUSE',
    cause: 'exit',
  },
  {
    name: 'ends-well',
    application: () => script("console.log('done')"),
    code: 'process-exited',
    field: 'runtime.startCommand',
    hint: /goes on running/,
    message: /exit code 0/,
    cause: 'exit',
  },
  {
    name: 'crashes-after-the-first-check',
    application: () => ({
      ...serving("a.end('well', () => setTimeout(() => process.exit(9), 20))"),
      network: { exposure: 'proxy', internalPort: 3000 },
      health: { ...quick, expectedStatus: 200 },
    }),
    code: 'process-exited',
    field: 'runtime.startCommand',
    message: /exit code 9/,
    cause: 'exit',
  },
  {
    name: 'crashes-on-the-first-connection',
    application: () => serving('process.exit(8)'),
    code: 'process-exited',
    field: 'runtime.startCommand',
    message: /exit code 8/,
    cause: 'exit',
  },
]
