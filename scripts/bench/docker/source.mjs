import { execFileSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import process from 'node:process'

export const baseImage = `node:${process.versions.node.split('.')[0]}-slim`

/** An application that says by a header which run it is of, as a workspace and with a Dockerfile. */
export function application(folder) {
  mkdirSync(folder)
  const put = (name, text) => writeFileSync(join(folder, name), text)
  put('package.json', JSON.stringify({ name: 'bench', private: true, scripts: { start: 'node server.js' } }))
  put(
    'server.js',
    `const { createServer } = require('node:http')
createServer((_, answer) => answer.setHeader('x-run', process.env.RUN).end('hello')).listen(process.env.PORT || 3000)
process.on('SIGTERM', () => process.exit(0))
`,
  )
  put('Dockerfile', `FROM ${baseImage}\nWORKDIR /app\nCOPY server.js .\nCMD ["node", "server.js"]\n`)
  return folder
}

/** It built, and in the registry where there is one. */
export async function provideImage(source) {
  const registry = process.env.APPALOFT_TEST_REGISTRY
  const name = `${registry === undefined ? '' : `${registry}/`}appaloft-bench-${process.pid}:1`
  const cli = process.env.APPALOFT_TEST_DOCKER ?? 'docker'
  const run = (...args) => execFileSync(cli, args, { stdio: ['ignore', 'pipe', 'pipe'] })
  run('buildx', 'build', '--quiet', '--tag', name, source)
  if (registry !== undefined) run('push', '--quiet', name)
  return { name, close: async () => void run('rmi', '--force', name) }
}
