import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { buildConfig, registriesOf } from './build-config.js'

describe('the registries of a Dockerfile', () => {
  it('are those of every image, and of no stage', () => {
    const text = `# syntax=syntax.example.com/dockerfile:1
ARG VERSION=22
ARG BASE="base.example.com/node"
FROM --platform=$BUILDPLATFORM \${BASE}:\${VERSION} AS Build
RUN --mount=type=bind,from=mounted.example.com/tools,target=/t \\
    --mount=from=build,target=/b true
COPY --from=copied.example.com:5000/a/b@sha256:${'a'.repeat(64)} /x /y
FROM \${OTHER:-other.example.com/web} AS last
COPY --from=build /x /x
COPY --from=0 /x /x
from build
FROM scratch
`
    expect(registriesOf(text)).toEqual([
      ...['base.example.com', 'copied.example.com:5000', 'mounted.example.com', 'other.example.com'],
      'syntax.example.com',
    ])
    expect(registriesOf(text, { BASE: 'own.example.com/node' })).toContain('own.example.com')
  })

  it('are Docker’s own where none is named, and none where nothing can be read', () => {
    expect(registriesOf('FROM node:22-slim\n')).toEqual(['docker.io'])
    for (const text of ['', 'FROM', 'FROM $UNKNOWN', 'FROM ::\n', '\u0000']) expect(registriesOf(text)).toEqual([])
  })
})

describe('the configuration of one build', () => {
  let folder = ''
  const secret = 'correct-horse'
  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'appaloft-config-'))
    await mkdir(join(folder, 'usual/cli-plugins'), { recursive: true })
    await mkdir(join(folder, 'build'))
  })
  afterEach(() => rmSync(folder, { recursive: true, force: true }))
  const make = (registries: string[], known: (host: string) => boolean = (host) => host === 'a.example.com') =>
    buildConfig({
      hook: { registry: (host) => (known(host) ? { username: 'robot', password: secret } : null) },
      registries,
      env: { DOCKER_CONFIG: join(folder, 'usual') },
      folder: join(folder, 'build'),
    })

  it('is the user’s with the hook’s over it, for this user alone', async () => {
    const usual = {
      auths: { 'b.example.com': { auth: 'x' } },
      credsStore: 'desktop',
      credHelpers: { 'a.example.com': 'vault', 'c.example.com': 'vault' },
    }
    writeFileSync(join(folder, 'usual/config.json'), JSON.stringify(usual))
    const made = await make(['a.example.com', 'b.example.com'])
    expect(statSync(made!).mode & 0o777).toBe(0o700)
    expect(statSync(join(made!, 'config.json')).mode & 0o777).toBe(0o600)
    const config = JSON.parse(readFileSync(join(made!, 'config.json'), 'utf8'))
    expect(config).toMatchObject({
      auths: { ...usual.auths, 'a.example.com': { auth: Buffer.from(`robot:${secret}`).toString('base64') } },
      credsStore: 'desktop',
      credHelpers: { 'a.example.com': '', 'c.example.com': 'vault' },
    })
    expect(statSync(join(made!, 'cli-plugins')).isDirectory()).toBe(true)
  })

  it('is none where the hook says nothing', async () => {
    expect(await make([])).toBeNull()
    expect(await make(['z.example.com'])).toBeNull()
  })

  it('names Docker Hub as the command does', async () => {
    const made = await make(['docker.io'], () => true)
    const { auths } = JSON.parse(readFileSync(join(made!, 'config.json'), 'utf8'))
    expect(Object.keys(auths)).toContain('https://index.docker.io/v1/')
  })
})
