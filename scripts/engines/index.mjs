import { existsSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { endLeftovers, startEngine } from './engine.mjs'
import { provideImages } from './images.mjs'
import { fetchParts, pluginFolder, whyNoParts } from './parts.mjs'
import { startRegistry } from './registry.mjs'
import { attempt } from './shell.mjs'

/** A Docker Engine that this user runs already, with both plugins; null: there is none. */
async function findEngine() {
  const asked = await Promise.all(
    [
      ['version', '--format', '{{.Server.Version}}'],
      ['buildx', 'version'],
      ['compose', 'version'],
    ].map((args) => attempt('docker', args, { timeout: 10_000 })),
  )
  return asked.includes(null) ? null : asked[0].trim()
}

const seconds = (since) => `${((performance.now() - since) / 1000).toFixed(1)} s`

/**
 * What the tests with a real engine need: an engine that is here already, or one of their own; base images; a registry.
 * Answers the environment that tells the tests, or why there is none.
 */
export async function startEngines({ say = console.log } = {}) {
  const opened = []
  const close = async () => {
    for (const one of opened.splice(0).reverse())
      await one().catch((error) => say(`could not be ended: ${error.message}`))
  }
  const timed = async (what, work) => {
    const began = performance.now()
    const result = await work()
    say(`  ${what(result)} (${seconds(began)})`)
    return result
  }
  try {
    const why = whyNoParts()
    const left = why === null ? await endLeftovers() : []
    if (left.length > 0) say(`  ended what ${left.length} killed runs had left`)
    const version = process.env.APPALOFT_TEST_OWN_ENGINE === '1' ? null : await findEngine()
    if (version === null && why !== null)
      return { env: null, why: `no Docker Engine with buildx and compose answers, and ${why}`, close }
    const parts =
      why === null
        ? await timed(
            ({ fetched }) => `programs ${fetched ? 'fetched from the packages of this system' : 'found in the cache'}`,
            fetchParts,
          )
        : { folder: null }
    const env = version === null ? await ownEngine(parts.folder, opened, timed) : { APPALOFT_TEST_ENGINE: 'found' }
    if (version !== null) say(`  uses the Docker Engine ${version} that runs here`)
    const all = { ...process.env, ...env }
    const docker = env.APPALOFT_TEST_DOCKER ?? 'docker'
    await timed(
      (came) =>
        `images: ${Object.entries(came)
          .map(([name, how]) => `${name} ${how}`)
          .join(', ')}`,
      () => provideImages({ docker, env: all, parts: parts.folder }),
    )
    if (parts.folder !== null) {
      const registry = await timed(
        ({ host }) => `registry on ${host}`,
        () => startRegistry({ parts: parts.folder }),
      )
      opened.push(registry.close)
      env.APPALOFT_TEST_REGISTRY = registry.host
      env.APPALOFT_TEST_PARTS = parts.folder
      env.APPALOFT_COMPOSE = join(pluginFolder(parts.folder), 'docker-compose')
    }
    return { env, why: null, close }
  } catch (error) {
    await close()
    return { env: null, why: error.message, close }
  }
}

async function ownEngine(parts, opened, timed) {
  const engine = await timed(
    () => 'engine started',
    () => startEngine({ parts }),
  )
  opened.push(engine.close)
  // The user's own configuration of Docker is neither read nor written.
  const config = join(engine.folder, 'config')
  mkdirSync(join(config, 'cli-plugins'), { recursive: true })
  for (const name of ['docker-buildx', 'docker-compose'])
    if (existsSync(join(pluginFolder(parts), name)))
      symlinkSync(join(pluginFolder(parts), name), join(config, 'cli-plugins', name))
  writeFileSync(join(config, 'config.json'), '{}')
  const bin = join(parts, 'root/usr/bin')
  return {
    APPALOFT_TEST_ENGINE: 'own',
    APPALOFT_TEST_DOCKER: join(bin, 'docker'),
    DOCKER_HOST: engine.host,
    DOCKER_CONFIG: config,
  }
}
