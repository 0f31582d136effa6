import { createHash } from 'node:crypto'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { hasCode } from '@appaloft/core/spec'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { findEngine } from './address.js'

let folder = ''
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'appaloft-context-'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

function context(name: string, host: string, certificates = false): void {
  const id = createHash('sha256').update(name).digest('hex')
  mkdirSync(join(folder, 'contexts/meta', id), { recursive: true })
  writeFileSync(
    join(folder, 'contexts/meta', id, 'meta.json'),
    JSON.stringify({ Name: name, Endpoints: { docker: { Host: host } } }),
  )
  if (!certificates) return
  mkdirSync(join(folder, 'contexts/tls', id, 'docker'), { recursive: true })
  writeFileSync(join(folder, 'contexts/tls', id, 'docker/ca.pem'), 'ca')
}

const usual = {
  kind: 'unix',
  path: '/var/run/docker.sock',
  environment: { DOCKER_HOST: 'unix:///var/run/docker.sock' },
}

it('finds the engine in the order of the docker command', async () => {
  const env = { DOCKER_CONFIG: folder }
  expect(await findEngine({}, env)).toEqual(usual)
  context('far', 'tcp://10.0.0.5:2376', true)
  context('other', 'unix:///run/other.sock')
  writeFileSync(join(folder, 'config.json'), JSON.stringify({ currentContext: 'other' }))
  expect(await findEngine({}, env)).toEqual({
    kind: 'unix',
    path: '/run/other.sock',
    environment: { DOCKER_CONTEXT: 'other' },
  })
  expect(await findEngine({}, { ...env, DOCKER_CONTEXT: 'far' })).toMatchObject({
    host: '10.0.0.5',
    port: 2376,
    tls: { ca: Buffer.from('ca') },
  })
  expect(await findEngine({}, { ...env, DOCKER_CONTEXT: 'default' })).toEqual(usual)
  const named = { ...env, DOCKER_HOST: 'tcp://[::1]' }
  expect(await findEngine({}, named)).toMatchObject({ host: '::1', port: 2375 })
  expect(await findEngine({ context: 'other' }, named)).toMatchObject({ path: '/run/other.sock' })
  expect(await findEngine({ host: 'unix:///mine.sock', context: 'other' }, named)).toMatchObject({ path: '/mine.sock' })
})

it('TLS by the variables has the certificates of the folder', async () => {
  writeFileSync(join(folder, 'cert.pem'), 'cert')
  const env = { DOCKER_HOST: 'tcp://far:2376', DOCKER_TLS_VERIFY: '1', DOCKER_CERT_PATH: folder }
  const found = await findEngine({}, env)
  expect(found).toMatchObject({ tls: { cert: Buffer.from('cert') }, environment: env })
})

it.each([['ssh://me@far'], ['tcp://'], ['nothing'], ['npipe:////./pipe/docker']])(
  '%s is refused with a way out',
  async (host) => {
    const error = await findEngine({ host }, {}).catch((reason: unknown) => reason)
    expect(hasCode(error, 'runtime-backend-unavailable')).toBe(true)
  },
)

it('a context that is not there is refused by its name', async () => {
  await expect(findEngine({ context: 'gone' }, { DOCKER_CONFIG: folder })).rejects.toThrow('gone')
})
