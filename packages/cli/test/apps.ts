import { execFileSync } from 'node:child_process'
import { cpSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'

const demo = resolve(import.meta.dirname, '../../../scripts/demo')

/** A folder of HTML. */
export function writeHtml(folder: string, text = 'hello'): string {
  writeFileSync(join(folder, 'index.html'), `<!doctype html><title>site</title><p>${text}</p>`)
  return folder
}

export interface ServerOptions {
  text?: string
  /** A script that runs at the build. */
  build?: string
  /** JavaScript that runs before it listens. */
  before?: string
  status?: number
}

/** A Node server without dependencies. */
export function writeServer(folder: string, options: ServerOptions = {}): string {
  const { text = 'hello', build, before = '', status = 200 } = options
  const scripts = { start: 'node server.js', ...(build === undefined ? {} : { build: 'node build.cjs' }) }
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ name: 'plain', version: '1.0.0', scripts }))
  const lock = {
    name: 'plain',
    version: '1.0.0',
    lockfileVersion: 3,
    packages: { '': { name: 'plain', version: '1.0.0' } },
  }
  writeFileSync(join(folder, 'package-lock.json'), JSON.stringify(lock))
  if (build !== undefined) writeFileSync(join(folder, 'build.cjs'), build)
  writeFileSync(
    join(folder, 'server.js'),
    `const { createServer } = require('node:http')
${before}
createServer((request, response) => {
  response.statusCode = ${status}
  response.end(${JSON.stringify(text)} + ' ' + (process.env.GREETING ?? ''))
}).listen(process.env.PORT ?? 3000, () => console.log('listens'))
process.on('SIGTERM', () => process.exit(0))
`,
  )
  return folder
}

/** An Express server with a lockfile. */
export function copyExpress(folder: string): string {
  cpSync(join(demo, 'server'), folder, { recursive: true })
  return folder
}

/** A Vite site with a lockfile. */
export function copyVite(folder: string): string {
  cpSync(join(demo, 'site'), folder, { recursive: true })
  return folder
}

export function git(folder: string, ...args: string[]): string {
  const identity = ['-c', 'user.name=test', '-c', 'user.email=test@example.com', '-c', 'commit.gpgsign=false']
  return execFileSync('git', [...identity, ...args], { cwd: folder, encoding: 'utf8', stdio: 'pipe' }).trim()
}
