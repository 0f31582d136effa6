import { execFileSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Artifact, Plan } from '@appaloft/core/spec'
import { sampleId, samplePlan } from '@appaloft/testkit'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { cli, haveEngine, machine, nodeImage, registry, withoutEngine } from '../test/engine.js'
import { privateRegistry } from '../test/private-registry.js'

const login = { username: 'robot', password: 'correct-horse-battery' }
const possible = haveEngine && registry !== undefined
const run = (...args: string[]) => execFileSync(cli, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] })

describe.skipIf(!possible)(`base images of a private registry ${possible ? '' : withoutEngine}`, () => {
  let folder = ''
  let end: (() => Promise<void>)[] = []
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'appaloft-private-'))
  })
  afterEach(async () => {
    for (const one of end.splice(0).reverse()) await one()
    end = []
    rmSync(folder, { recursive: true, force: true })
  })

  /** A target, and an image that only those get who know the password. */
  async function scene(known: boolean) {
    const door = await privateRegistry(registry!, login)
    end.push(async () => door.close())
    // What the command is called with, and what it finds in its environment.
    const seen = join(folder, 'seen')
    const command = join(folder, 'docker')
    writeFileSync(command, `#!/bin/sh\n{ printf '%s\\n' "$@"; env; } >> '${seen}'\nexec '${cli}' "$@"\n`, {
      mode: 0o755,
    })
    const asked: string[] = []
    const unique = randomBytes(5).toString('hex')
    const image = (name: string) => `${door.host}/${unique}/${name}:1`
    const here = await machine({
      cli: command,
      baseImage: () => image('node'),
      siteImage: image('caddy'),
      credentials: {
        registry: (host) => {
          asked.push(host)
          return known && host === door.host ? login : null
        },
      },
    })
    end.push(here.close)
    for (const [from, name] of [
      [nodeImage, 'node'],
      ['caddy:2-alpine', 'caddy'],
    ] as const) {
      const open = `${registry}/${unique}/${name}:1`
      run('tag', from, open)
      run('push', '--quiet', open)
      run('rmi', open)
    }
    const build = (artifact: Artifact, files: Record<string, string>, change: Partial<Plan> = {}) => {
      const source = mkdtempSync(join(folder, 'source-'))
      for (const [name, text] of Object.entries(files)) writeFileSync(join(source, name), text)
      return here.target.build({
        ...{ resourceId: 'res_web', deploymentId: sampleId('dep', 1), releaseId: sampleId('rel', 1), token: 1 },
        ...{ signal: new AbortController().signal, log() {}, environment: {}, secretNames: [], noCache: false },
        plan: samplePlan({ artifact, ...change }),
        sourceDirectory: source,
        inputsDigest: JSON.stringify([artifact, files]),
      })
    }
    return { here, door, asked, image, build, seen: () => readFileSync(seen, 'utf8') }
  }
  const dockerfile = { kind: 'dockerfile', dockerfilePath: 'Dockerfile', context: '.' } as const
  const workspace = { kind: 'workspace', installDirectory: '.', workingDirectory: '.' } as const
  const site = { kind: 'static-site', publishDirectory: '.', spaFallback: false } as const

  it('are fetched with the credentials of the hook, which nobody sees', async () => {
    mkdirSync(join(folder, 'tmp'))
    const { build, image, asked, door, seen } = await scene(true)
    const before = process.env.TMPDIR
    process.env.TMPDIR = join(folder, 'tmp')
    try {
      await build(dockerfile, { Dockerfile: `FROM ${image('node')}\nRUN node --version\n` })
      await build(workspace, { 'server.js': '' })
      await build(site, { 'index.html': 'hello' })
    } finally {
      if (before === undefined) delete process.env.TMPDIR
      else process.env.TMPDIR = before
    }
    expect(asked).toEqual([door.host, door.host, door.host])
    expect(seen()).toContain('DOCKER_CONFIG=')
    for (const secret of [login.password, Buffer.from(`${login.username}:${login.password}`).toString('base64')])
      expect(seen()).not.toContain(secret)
    // Nothing of it stays.
    expect(readdirSync(join(folder, 'tmp'))).toEqual([])
  }, 180_000)

  it('are told as refused where the hook knows nobody', async () => {
    const { build, image, door } = await scene(false)
    await expect(build(dockerfile, { Dockerfile: `FROM ${image('node')}\n` })).rejects.toMatchObject({
      code: 'registry-auth-failed',
    })
    expect(door.refused()).toBeGreaterThan(0)
  }, 60_000)
})
