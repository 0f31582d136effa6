import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import http from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { initialConfig } from '@appaloft/proxy-caddy'

const freePort = () =>
  new Promise((resolve) => {
    const server = http.createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address()
      server.close(() => resolve(port))
    })
  })

/** A Caddy of the bench's own, in a folder of its own. */
export async function startCaddy(program) {
  const folder = mkdtempSync(join(tmpdir(), 'appaloft-bench-caddy-'))
  const socket = join(folder, 'admin.sock')
  const admin = `unix/${socket}`
  const file = join(folder, 'caddy.json')
  writeFileSync(file, JSON.stringify(initialConfig({ admin })))
  const port = await freePort()
  const child = spawn(program, ['run', '--config', file], {
    env: { PATH: process.env.PATH, HOME: folder, XDG_CONFIG_HOME: folder, XDG_DATA_HOME: folder },
    stdio: 'ignore',
  })
  const ended = new Promise((resolve) => child.once('exit', resolve))
  const close = async () => {
    child.kill('SIGKILL')
    await ended
    rmSync(folder, { recursive: true, force: true })
  }
  const ready = () =>
    new Promise((resolve) => {
      http
        .get({ socketPath: socket, path: '/config/', headers: { host: '' }, setHost: false }, (answer) =>
          resolve(answer.resume() !== null),
        )
        .on('error', () => resolve(false))
    })
  for (const end = performance.now() + 20_000; !(await ready()); ) {
    if (child.exitCode !== null || performance.now() > end) {
      await close()
      throw new Error('Caddy did not start.')
    }
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  return { admin, port, close }
}
