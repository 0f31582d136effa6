import { createServer } from 'node:http'
import { listening, script, serving } from './applications.js'
import type { Broken } from './broken.js'

// Refused by the engine, or ended before the release starts.

export const starting: Broken[] = [
  {
    name: 'no-such-program',
    application: () => ({ ...listening, runtime: { startCommand: ['nosuch', '--serve'] } }),
    code: 'start-failed',
    field: 'runtime.startCommand',
    message: /no program nosuch/,
    cause: 'call',
    sample: true,
  },
  {
    name: 'no-shell',
    application: async (scene) => ({
      ...listening,
      image: await scene.importImage('bare', { 'serve.txt': '' }),
      runtime: { startCommand: 'serve' },
    }),
    code: 'start-failed',
    field: 'runtime.startCommand',
    message: /no program \/bin\/sh/,
    cause: 'call',
  },
  {
    name: 'no-command',
    application: async (scene) => ({ ...listening, image: await scene.importImage('idle', { 'a.txt': '' }) }),
    code: 'start-failed',
    field: 'runtime.startCommand',
    message: /starts nothing by itself/,
    cause: 'call',
  },
  {
    name: 'port-of-the-machine-taken',
    application: async (scene) => {
      const hostPort = await scene.listen(
        createServer((_, answer) => answer.end('mine')),
        '0.0.0.0',
      )
      return { ...serving('a.end()'), network: { exposure: 'direct-port', internalPort: 3000, hostPort } }
    },
    code: 'start-failed',
    field: 'network.hostPort',
    cause: 'call',
    sample: true,
  },
  {
    name: 'limits-too-small',
    application: () => ({
      ...listening,
      runtime: { startCommand: ['node', '-e', '0'], resources: { memoryMiB: 2 } },
    }),
    code: 'start-failed',
    field: 'runtime.resources',
    cause: 'call',
  },
  {
    name: 'more-processors-than-there-are',
    application: () => ({ ...listening, runtime: { startCommand: ['node', '-e', '0'], resources: { cpus: 4096 } } }),
    code: 'start-failed',
    field: 'runtime.resources',
    cause: 'call',
  },
  {
    name: 'no-such-bind',
    application: () => ({ ...serving('a.end()'), binds: [{ source: '/nowhere/at/all', path: '/data' }] }),
    code: 'start-failed',
    field: 'binds',
    cause: 'call',
  },
  {
    name: 'release-command',
    application: () => ({
      ...script('0'),
      runtime: { releaseCommand: ['node', '-e', "console.log('no table'); process.exit(4)"], startCommand: ['node'] },
    }),
    code: 'release-command-failed',
    field: 'runtime.releaseCommand',
    message: /exit code 4/,
    log: 'no table',
    cause: 'exit',
    sample: true,
  },
  {
    name: 'no-such-release-command',
    application: () => ({ ...listening, runtime: { releaseCommand: ['migrate'], startCommand: ['node', '-e', '0'] } }),
    code: 'start-failed',
    field: 'runtime.releaseCommand',
    message: /no program migrate/,
    cause: 'call',
  },
  {
    name: 'no-engine',
    application: () => ({ ...listening, host: 'unix:///nowhere/docker.sock' }),
    code: 'runtime-backend-unavailable',
    field: null,
    hint: /DOCKER_HOST/,
    cause: 'call',
  },
]
