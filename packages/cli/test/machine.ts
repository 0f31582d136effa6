import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import http from 'node:http'
import { createServer } from 'node:net'
import { dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Sshd } from '../../target-ssh/test/sshd.js'
import { sweep } from './docker/engine.js'
import { cli } from './docker/kinds.js'

export const haveEngine = process.env.APPALOFT_TEST_ENGINE !== undefined
export const needed = ' (needs an engine and an sshd: node scripts/engines.mjs)'

export const freePort = (): Promise<number> =>
  new Promise((done, fail) => {
    const server = createServer().once('error', fail)
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as { port: number }
      server.close(() => done(port))
    })
  })

export const commandPath = `${cli.includes('/') ? `${dirname(cli)}:` : ''}${process.env.PATH}`
export const engineSocket = () => (process.env.DOCKER_HOST ?? '/var/run/docker.sock').replace('unix://', '')

/** A machine with the engine of the tests, where everything of ours has a scope and a folder of its own. */
export function machineOf(sshd: Sshd) {
  const scope = `ssh-${randomBytes(4).toString('hex')}`
  const caddyRoot = join(sshd.folder, 'caddy')
  const { destination, port, identityFile } = sshd.options()
  const socket = engineSocket()
  const known = { identityFile, configFile: '/dev/null', knownHosts: { keys: [sshd.hostKey] } }
  const ssh = { destination, port, ...known, scope, socket }
  return {
    ...{ sshd, scope, caddyRoot, ssh, key: `ssh:${destination}:${port}` },
    project: async (folder: string) => projectOn(ssh, caddyRoot, folder),
    async close() {
      sweep(scope)
      await sshd.close()
    },
  }
}
export type TestMachine = ReturnType<typeof machineOf>
export type Project = Awaited<ReturnType<TestMachine['project']>>

/** A static site in a folder, served by a Caddy on the machine at a free port. */
async function projectOn(ssh: object, root: string, folder: string) {
  const id = `res_${randomBytes(4).toString('hex')}`
  const port = await freePort()
  const hostname = `${id.slice(4)}.example.test`
  const own = { id, access: { hostnames: [hostname], tls: 'off' }, network: { drainSeconds: 1 } }
  const write = (config: object) =>
    writeFileSync(join(folder, 'appaloft.config.json'), JSON.stringify({ ...config, ...own }))
  const configure = (changes: { ssh?: object; caddy?: object } = {}) =>
    write({
      target: 'ssh',
      ssh: { ...ssh, ...changes.ssh },
      caddy: { http: `127.0.0.1:${port}`, tls: 'off', root, ...changes.caddy },
    })
  configure()
  const ask = async (path = '/') => {
    const request = http.get({ host: '127.0.0.1', port, path, agent: false, headers: { host: hostname } })
    const [answer] = (await once(request, 'response')) as [http.IncomingMessage]
    let text = ''
    for await (const chunk of answer.setEncoding('utf8')) text += chunk
    return { status: answer.statusCode, by: answer.headers['x-appaloft-deployment'], text }
  }
  return {
    ...{ id, folder, port, hostname, configure, ask },
    // The command finds `docker` on the PATH, as a user's does, and no engine of this machine.
    env: { PATH: commandPath, DOCKER_HOST: 'unix:///nowhere' },
    site: (text: string) => writeFileSync(join(folder, 'index.html'), `${text}\n`),
    /** The configuration says nothing of where it runs any more. */
    forget: (profiles: object = {}) => write(profiles),
    /** Users who ask all the time, until the end. */
    load() {
      let going = true
      let served = 0
      const failed: string[] = []
      const user = async () => {
        while (going) {
          const said = await ask().then(
            ({ status, by }) => (status === 200 && by !== undefined ? null : `${status}`),
            (error: unknown) => String(error),
          )
          if (said === null) served += 1
          else failed.push(said)
          await sleep(20)
        }
      }
      const users = [user(), user(), user()]
      return {
        async end() {
          going = false
          await Promise.all(users)
          return { served, failed }
        },
      }
    },
  }
}
