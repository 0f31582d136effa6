import { script, serving } from './applications.js'
import { type Broken, quick } from './broken.js'

// Started, and then wrong: where it listens, what it answers.

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

export const answering = [...ports, ...answers]
