import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:net'
import { dirname, join } from 'node:path'
import type { Preview, ResourceDefinition } from '@appaloft/core/spec'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { kinds, runtime } from '../test/docker/kinds.js'
import { program } from '../test/program.js'

// A preview asks neither the engine nor Caddy: whether nobody is there, or somebody who counts who comes.

const appaloft = program()

interface Scene {
  name: string
  artifact: string
  write(folder: string): void
  definition?: Partial<ResourceDefinition>
}

const scenes: readonly Scene[] = [
  ...kinds
    .filter(({ name }) => name !== 'image')
    .map(({ name, artifact, write, profile }) => ({
      ...{ name, artifact, definition: profile ?? {} },
      write: (folder: string) => write(folder, 'one', ''),
    })),
  {
    name: 'image',
    artifact: 'image',
    write: () => {},
    definition: {
      source: { kind: 'docker-image', image: 'ghcr.io/acme/web:1' },
      network: { internalPort: 3000 },
    },
  },
]

/** Counts who comes, and answers nobody. */
async function counting(listen: (server: Server) => void): Promise<{ count(): number; close(): Promise<void> }> {
  let count = 0
  const server = createServer((socket) => {
    count += 1
    socket.destroy()
  })
  const listening = new Promise<void>((done) => server.once('listening', done))
  listen(server)
  await listening
  return { count: () => count, close: () => new Promise((done) => server.close(() => done())) }
}

describe('a preview for Docker behind Caddy', () => {
  const ends: (() => Promise<void>)[] = []
  let env: Record<string, string> = {}
  let called = ''
  beforeEach(() => {
    const bin = appaloft.folder('bin')
    called = join(bin, 'called')
    writeFileSync(join(bin, 'docker'), `#!/bin/sh\necho "$@" >> '${called}'\nexit 1\n`, { mode: 0o755 })
    env = { PATH: `${bin}:${process.env.PATH}`, DOCKER_CONTEXT: '' }
  })
  afterEach(async () => {
    for (const end of ends.splice(0)) await end()
  })

  const configure = ({ name, write, definition }: Scene, caddy: object) => {
    const folder = appaloft.folder('app')
    if (readdirSync(folder).length === 0) write(folder)
    const away = appaloft.folder('config')
    mkdirSync(away, { recursive: true })
    const config = {
      ...{ target: 'docker', proxy: 'caddy', caddy, id: `res_${name}`, runtime },
      ...{ source: { kind: 'local-folder', path: folder }, ...definition },
      access: { hostnames: [`${name}.example.test`], tls: 'auto' },
    }
    writeFileSync(join(away, 'appaloft.config.json'), JSON.stringify(config))
    return away
  }
  const plan = async (cwd: string, more: Record<string, string>): Promise<Preview> => {
    const finished = await appaloft.run(['plan', '--json'], { cwd, env: { ...env, ...more } })
    expect(finished.code, finished.stderr).toBe(0)
    return finished.documents()[0] as unknown as Preview
  }

  it.each(scenes.map((scene) => [scene.name, scene] as const))('of %s calls nobody', async (_, scene) => {
    const socket = join(appaloft.folder('somewhere'), 'docker.sock')
    const engine = await counting((server) => server.listen(socket))
    let port = 0
    const caddy = await counting((server) => {
      server.listen(0, '127.0.0.1', () => {
        port = (server.address() as { port: number }).port
      })
    })
    ends.push(engine.close, caddy.close)
    const admin = `http://127.0.0.1:${port}`
    const cwd = configure(scene, { admin })
    const watched = await plan(cwd, { DOCKER_HOST: `unix://${socket}` })
    expect(watched.artifact?.kind).toBe(scene.artifact)
    expect(watched.steps.map(({ step }) => step)).toContain('route')
    expect({ engine: engine.count(), caddy: caddy.count(), command: existsSync(called) }).toEqual({
      ...{ engine: 0, caddy: 0, command: false },
    })
    expect(existsSync(join(appaloft.stateDir(), 'docker.json'))).toBe(false)
    if (scene.name !== 'site') return

    // The same where nobody is there.
    const nowhere = join(appaloft.folder('nowhere'), 'docker.sock')
    const alone = await plan(configure(scene, {}), { DOCKER_HOST: `unix://${nowhere}` })
    expect(alone.fingerprint).toBe(watched.fingerprint)

    // And those who count do count: doctor asks all of them.
    configure(scene, { admin })
    await appaloft.run(['doctor'], { cwd, env: { ...env, DOCKER_HOST: `unix://${socket}` } })
    expect(engine.count()).toBeGreaterThan(0)
    expect(caddy.count()).toBeGreaterThan(0)
    expect(existsSync(called)).toBe(true)
    expect(dirname(called)).toBe(appaloft.folder('bin'))
  })
})
