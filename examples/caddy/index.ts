import { join } from 'node:path'
import { type Appaloft, createAppaloft } from '@appaloft/core'
import { node } from '@appaloft/planner-node'
import { staticSite } from '@appaloft/planner-static'
import { type CaddyProxyOptions, caddy } from '@appaloft/proxy-caddy'
import { sqlite } from '@appaloft/store-sqlite'
import { type CaddyContainer, caddyContainer, type DockerOptions, docker } from '@appaloft/target-docker'

/** Containers of this machine's Docker Engine, behind a Caddy that runs already. */
export const behindCaddy = (stateDir: string, proxy: CaddyProxyOptions, options: DockerOptions = {}): Appaloft =>
  createAppaloft({
    stateDir,
    store: sqlite({ path: join(stateDir, 'appaloft.db') }),
    planners: [node(), staticSite()],
    targets: [docker({ proxy: caddy(proxy), ...options })],
  })

/** The same behind a Caddy of our own, a container on that engine: started when it is first needed, and after a crash. */
export function behindOwnCaddy(
  stateDir: string,
  proxy: Pick<CaddyProxyOptions, 'http' | 'https' | 'tls'> = {},
  options: DockerOptions = {},
): { appaloft: Appaloft; container: CaddyContainer } {
  const container = caddyContainer({ stateDir, ...(options.scope && { scope: options.scope }) })
  return { container, appaloft: behindCaddy(stateDir, { ...proxy, ...container.proxy }, options) }
}

export async function deploy(appaloft: Appaloft, path: string, hostname: string): Promise<string> {
  const attempt = await appaloft.deployments.create({
    resource: {
      id: 'res_shop',
      source: { kind: 'local-folder', path },
      access: { hostnames: [hostname], tls: 'auto' },
    },
  })
  const { id, failure } = await attempt.done
  if (failure) throw new Error(`${failure.code}: ${failure.message} ${failure.recoveryHint}`)
  return id
}
