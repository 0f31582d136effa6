import { AppaloftError, type Proxy, type TargetCapabilities } from '@appaloft/core/spec'
import { readBuild } from './builder/options.js'
import { type DockerOptions, type Settings, scopePattern } from './options.js'

export const capabilitiesOf = (proxy: Proxy | null, settings: Settings): TargetCapabilities => ({
  artifactKinds: ['image', 'dockerfile', 'workspace', 'static-site', 'compose-project'],
  exposures: proxy === null ? ['direct-port', 'none'] : ['proxy', 'direct-port', 'none'],
  overlap: true,
  network: 'own',
  upstreamProtocols: ['http', 'tcp'],
  healthCommand: true,
  replicas: true,
  limits: true,
  volumes: true,
  binds: true,
  exec: true,
  clearEnvironment:
    settings.secrets === 'files'
      ? 'files below /run/secrets of the container, which whoever may use the engine can read'
      : 'the engine’s configuration of the container, which whoever may use the engine can read',
  fencing: 'name',
})

/** The image of a language that its makers publish: `node:22-slim`. */
function usualImage({ family, version }: { family: string; version: string }): string {
  const numbers = /\d+(?:\.\d+)*/.exec(version)?.[0]
  // A lower bound alone is no wish for that very version, and a newer major may break what was tried with it.
  const tag = numbers ?? (family === 'node' ? '22' : 'latest')
  return ['node', 'python', 'ruby'].includes(family) ? `${family}:${tag}-slim` : `${family}:${tag}`
}

/** With every default in place. Errors: `invalid-composition`. */
export function settingsOf(options: DockerOptions): Settings {
  const { scope = 'main', ports = { from: 20_000, to: 32_767 } } = options
  const faults = [
    ...(scopePattern.test(scope)
      ? []
      : ['The scope of a Docker target is made of small letters, digits and dashes, at most 20.']),
    ...(ports.from >= 1024 && ports.to <= 65_535 && ports.to - ports.from >= 9
      ? []
      : ['The ports of a Docker target are at least ten, from 1024 to 65535.']),
  ]
  if (faults.length > 0) throw new AppaloftError('invalid-composition', { message: faults.join(' ') })
  return {
    cli: options.cli ?? 'docker',
    scope,
    build: readBuild(options.build),
    pull: options.pull ?? 'newer',
    credentials: options.credentials ?? {},
    secrets: options.secrets ?? 'environment',
    baseImage: options.baseImage ?? usualImage,
    siteImage: options.siteImage ?? 'caddy:2-alpine',
    ports,
    logBytes: options.logs?.bytes ?? 10 * 1024 * 1024,
    logFiles: options.logs?.files ?? 3,
    records: options.records ?? false,
  }
}
