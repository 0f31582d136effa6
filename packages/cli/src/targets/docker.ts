import type { Target } from '@appaloft/core/spec'
import type { CompositionConfig } from '../config/define.js'
import type { Finding } from '../doctor/check.js'
import type { DockerChoice } from './config.js'

/** The target for Docker, and what belongs to it beside the engine's parts. */
export interface DockerPart {
  target: Target
  choice: DockerChoice
  /** What there is to say of a proxy that no target speaks for. */
  checkProxy(): Promise<Finding[]>
}

/** Releases as containers, behind the proxy of choice. Nothing is asked or started before the engine's first call. */
export async function composeDocker(choice: DockerChoice, { credentials }: CompositionConfig): Promise<DockerPart> {
  const { docker } = await import('@appaloft/target-docker')
  const shared = { ...choice.docker, ...(credentials === undefined ? {} : { credentials }) }
  return {
    choice,
    target: docker({ ...shared, ...(await (choice.proxy === 'caddy' ? behindCaddy(choice) : behindEmbedded())) }),
    checkProxy: async () => [],
  }
}

/** Its process is the one that local processes have, too. */
async function behindEmbedded() {
  const [{ keptProxy }, { embedded }] = await Promise.all([
    import('@appaloft/target-process'),
    import('@appaloft/proxy-embedded'),
  ])
  return { proxy: embedded(), proxyContext: keptProxy }
}

async function behindCaddy({ caddy: { image: _, ...options } }: DockerChoice) {
  const { caddy } = await import('@appaloft/proxy-caddy')
  return { proxy: caddy(options) }
}
