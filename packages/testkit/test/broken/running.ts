import { type Broken, quick } from './broken.js'
import { type Application, base } from './scene.js'

// Started, and then wrong: what its process does, where it listens, what it answers.

export const listening = { health: quick, network: { exposure: 'direct-port' as const, internalPort: 3000 } }
export const script = (text: string): Application => ({
  ...listening,
  runtime: { startCommand: ['node', '-e', text] },
})
/** Prints when it answered. */
export const serving = (answer: string, port = '3000', host = ''): Application =>
  script(`const say = () => console.log('at ' + Date.now())
require('http').createServer((q, a) => { ${answer} }).listen(${port}${host})`)
const built = (files: Record<string, string>, dockerfile: string, rest: Application = {}): Application => ({
  ...listening,
  ...rest,
  files: { ...files, Dockerfile: `FROM ${base}\nEXPOSE 3000\n${dockerfile}\n` },
})

const process: Broken[] = [
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

const ports: Broken[] = [
  {
    name: 'loopback-only',
    application: () => serving('a.end()', '3000', ", '127.0.0.1'"),
    code: 'port-not-listening',
    field: 'network.internalPort',
    hint: /0\.0\.0\.0/,
    message: /3000 for itself alone \(127\.0\.0\.1\): listen on 0\.0\.0\.0/,
    cause: 'patience',
    sample: true,
  },
  {
    name: 'wrong-port',
    application: () => serving('a.end()', '4000'),
    code: 'port-not-listening',
    field: 'network.internalPort',
    hint: /network\.internalPort to 4000/,
    message: /port 3000; it listens on 4000/,
    cause: 'patience',
    sample: true,
  },
  {
    name: 'no-port',
    application: () => script('setInterval(() => {}, 1000)'),
    code: 'port-not-listening',
    field: 'network.internalPort',
    message: /on no port/,
    cause: 'patience',
    tries: 2,
  },
  {
    name: 'slow-boot',
    application: () => script("setTimeout(() => require('http').createServer((q, a) => a.end()).listen(3000), 30000)"),
    code: 'port-not-listening',
    field: 'network.internalPort',
    hint: /health\.startPeriodSeconds/,
    message: /on no port/,
    cause: 'patience',
    tries: 2,
  },
]

const answers: Broken[] = [
  {
    name: 'answers-500',
    application: () => serving('a.statusCode = 500; a.end(say)'),
    code: 'health-status-unexpected',
    field: 'health.expectedStatus',
    message: /500/,
    cause: 'answer',
    sample: true,
  },
  {
    name: 'redirects',
    application: () => serving("a.writeHead(302, { location: '/login' }); a.end(say)"),
    code: 'health-status-unexpected',
    field: 'health.path',
    hint: /health\.path to \/login/,
    message: /302/,
    cause: 'answer',
  },
  {
    name: 'health-path-missing',
    application: () => ({
      ...serving("a.statusCode = q.url === '/' ? 200 : 404; a.end(say)"),
      health: { ...quick, path: '/healthz' },
    }),
    code: 'health-status-unexpected',
    field: 'health.path',
    message: /\/healthz answered 404/,
    cause: 'answer',
  },
  {
    name: 'asks-for-a-login',
    application: () => serving('a.statusCode = 401; a.end(say)'),
    code: 'health-status-unexpected',
    field: 'health.path',
    message: /401/,
    cause: 'answer',
  },
  {
    name: 'another-host',
    application: () =>
      serving(
        "const well = q.headers.host === 'shop.example'; a.statusCode = well ? 200 : 400; a.end(well ? 'ok' : 'Invalid Host header', say)",
      ),
    code: 'health-status-unexpected',
    field: 'health.type',
    hint: /host name localhost/,
    message: /400/,
    cause: 'answer',
  },
  {
    name: 'never-answers',
    application: () => serving('say()'),
    code: 'health-timeout',
    field: 'health',
    hint: /health\.timeoutSeconds/,
    cause: 'silence',
  },
  {
    name: 'another-page',
    application: () => ({
      ...serving("a.end('under construction', say)"),
      health: { ...quick, expectedText: 'ready' },
    }),
    code: 'health-text-missing',
    field: 'health.expectedText',
    cause: 'answer',
  },
  {
    name: 'speaks-tls',
    application: () =>
      script("require('tls').createServer().on('tlsClientError', () => console.log('at ' + Date.now())).listen(3000)"),
    code: 'health-timeout',
    field: 'network.internalPort',
    hint: /TLS/,
    cause: 'answer',
  },
  {
    name: 'speaks-no-http',
    application: () =>
      script(
        "require('net').createServer((s) => s.end('220 mail ready\\r\\n', () => console.log('at ' + Date.now()))).listen(3000)",
      ),
    code: 'health-timeout',
    field: 'health.type',
    hint: /health\.type/,
    cause: 'answer',
  },
  {
    name: 'unhealthy-by-its-own-command',
    application: () => ({
      ...serving('a.end()'),
      health: {
        ...quick,
        type: 'command',
        command: ['node', '-e', "console.log('at ' + Date.now()); process.exit(1)"],
      },
    }),
    code: 'health-command-failed',
    field: 'health.command',
    cause: 'answer',
    sample: true,
  },
  {
    name: 'health-command-missing',
    application: () => ({
      ...serving('a.end()'),
      health: { ...quick, type: 'command', command: ['curl', '-f', 'http://127.0.0.1:3000'] },
    }),
    code: 'health-command-failed',
    field: 'health.command',
    hint: /curl/,
    message: /no program curl/,
    cause: 'patience',
    tries: 2,
  },
]

export const running = [...process, ...ports, ...answers]
