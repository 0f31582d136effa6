import { join } from 'node:path'
import { type Appaloft, createAppaloft } from '@appaloft/core'
import { node } from '@appaloft/planner-node'
import { staticSite } from '@appaloft/planner-static'
import { type CaddyProxyOptions, caddy } from '@appaloft/proxy-caddy'
import { sqlite } from '@appaloft/store-sqlite'
import { type DockerOptions, docker } from '@appaloft/target-docker'

/** Containers of this machine's Docker Engine, behind the Caddy of this machine. */
export const behindCaddy = (stateDir: string, proxy: CaddyProxyOptions, options: DockerOptions = {}): Appaloft =>
  createAppaloft({
    stateDir,
    store: sqlite({ path: join(stateDir, 'appaloft.db') }),
    planners: [node(), staticSite()],
    targets: [docker({ proxy: caddy(proxy), ...options })],
  })

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
