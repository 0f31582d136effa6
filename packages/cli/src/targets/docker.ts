import type { DockerOptions } from '@appaloft/target-docker'
import type { CompositionConfig } from '../config/define.js'
import type { DockerChoice } from './config.js'
import { type Behind, checksOf, nothing, probing, type TargetPart } from './part.js'

/** Releases as containers, behind the proxy of choice. Nothing is asked or started before the engine's first call. */
export async function composeDocker(
  choice: DockerChoice,
  stateDir: string,
  { credentials }: CompositionConfig,
): Promise<TargetPart> {
  const { docker } = await import('@appaloft/target-docker')
  const shared = { ...choice.docker, ...(credentials === undefined ? {} : { credentials }) }
  const { proxy, proxyContext, ...rest } = await (choice.proxy === 'embedded'
    ? behindEmbedded()
    : choice.caddy.admin === undefined
      ? behindOwnCaddy(choice, stateDir, shared)
      : behindCaddy(choice))
  return { ...rest, target: docker({ ...shared, ...(proxy && { proxy }), ...(proxyContext && { proxyContext }) }) }
}

/** Its process is the one that local processes have, too. */
async function behindEmbedded(): Promise<Behind> {
  const [{ keptProxy }, { embedded }] = await Promise.all([
    import('@appaloft/target-process'),
    import('@appaloft/proxy-embedded'),
  ])
  return { ...nothing, proxy: embedded(), proxyContext: keptProxy }
}

/** One that runs already: used, and never started or stopped. */
async function behindCaddy({ caddy: { image: _, ...options } }: DockerChoice): Promise<Behind> {
  const { caddy, probeCaddy } = await import('@appaloft/proxy-caddy')
  return {
    ...nothing,
    proxy: caddy(options),
    apart: true,
    checkProxy: async () => checksOf('caddy', await probeCaddy(options, probing())),
  }
}

/** A container of ours on the same engine, started where it does not run. */
async function behindOwnCaddy(
  { caddy: { image, ...options } }: DockerChoice,
  stateDir: string,
  { host, context, scope, credentials }: DockerOptions,
): Promise<Behind> {
  const [{ caddy, probeCaddy }, { caddyContainer }] = await Promise.all([
    import('@appaloft/proxy-caddy'),
    import('@appaloft/target-docker'),
  ])
  const container = caddyContainer({
    stateDir,
    ...(host && { host }),
    ...(context && { context }),
    ...(scope && { scope }),
    ...(credentials && { credentials }),
    ...(image && { image }),
  })
  const settings = { ...options, ...container.proxy }
  return {
    proxy: caddy(settings),
    checkProxy: async () => {
      const [own, served] = await Promise.all([container.probe(probing()), probeCaddy(settings, probing())])
      return [...checksOf('caddy', own), ...(own.ok ? checksOf('caddy', served) : [])]
    },
    removeProxy: () => container.remove(),
    close: () => container.close(),
  }
}
