import { randomBytes } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import type { Target } from '@appaloft/core/spec'
import { findEngine } from '../src/api/address.js'
import { Engine } from '../src/api/engine.js'
import { type DockerOptions, docker } from '../src/index.js'
import { label } from '../src/names.js'

/** What `npm test` and `node scripts/engines.mjs` tell. Without it, tests with an engine are skipped. */
export const haveEngine = process.env.APPALOFT_TEST_ENGINE !== undefined
export const withoutEngine = '(needs a Docker Engine: run it with node scripts/engines.mjs)'
export const registry = process.env.APPALOFT_TEST_REGISTRY
export const cli = process.env.APPALOFT_TEST_DOCKER ?? 'docker'
export const nodeImage = `node:${process.versions.node.split('.')[0]}-slim`

/** The settings of a target of a test's own on the engine: nothing else is under its scope. */
export const testScope = (): string => `test-${randomBytes(5).toString('hex')}`

export const testOptions = (scope: string): DockerOptions => ({ cli, scope, baseImage: () => nodeImage })

export const testEngine = async (): Promise<Engine> => new Engine(await findEngine({}, process.env))

/** Everything under the scope: containers, images, volumes, networks. @param host of another engine than that of the tests */
export async function removeScope(scope: string, host?: string): Promise<void> {
  const engine = host === undefined ? await testEngine() : new Engine(await findEngine({ host }, process.env))
  const labels = [`${label.scope}=${scope}`]
  for (const { Id: id } of await engine.containers(labels)) await engine.remove(id)
  // Also what was pulled, which has no labels.
  for (const { RepoTags: tags } of await engine.allImages())
    for (const tag of tags) if (new RegExp(`^appaloft/${scope}[:/]`).test(tag)) await engine.untag(tag)
  for (const { Id: id, RepoTags: tags } of await engine.images(labels))
    for (const name of tags.length === 0 || tags[0] === '<none>:<none>' ? [id] : tags) await engine.untag(name)
  for (const { Name: name } of await engine.volumes(labels)) await engine.removeVolume(name)
  for (const { Id: id } of await engine.networks(labels)) await engine.removeNetwork(id)
  engine.client.close()
}

export interface Machine {
  target: Target
  scope: string
  stateDir: string
  again(): Promise<Target>
  close(): Promise<void>
}

/** A target with a scope and a state folder of its own. */
export async function machine(options: Partial<DockerOptions> = {}): Promise<Machine> {
  const folder = await mkdtemp(join(tmpdir(), 'appaloft-docker-'))
  const stateDir = join(folder, 'state')
  const scope = testScope()
  const opened: Target[] = []
  const again = async () => {
    const made = docker({ ...testOptions(scope), ...options })
    await made.open?.({ stateDir })
    opened.push(made)
    return made
  }
  const close = async () => {
    for (const one of opened) await one.close?.()
    await removeScope(scope)
    await rm(folder, { recursive: true, force: true })
  }
  return { target: await again(), scope, stateDir, again, close }
}
