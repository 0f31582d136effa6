import { join } from 'node:path'
import { createAppaloft } from '@appaloft/core'
import type { ResourceDefinition } from '@appaloft/core/spec'
import { dockerfile } from '@appaloft/planner-dockerfile'
import { image } from '@appaloft/planner-image'
import { node } from '@appaloft/planner-node'
import { type CaddyProxyOptions, caddy } from '@appaloft/proxy-caddy'
import { sqlite } from '@appaloft/store-sqlite'
import { type CaddyOnMachineOptions, caddyContainer } from '@appaloft/target-docker'
import { type SshHostOptions, type SshOptions, ssh, sshHost } from '@appaloft/target-ssh'

/** Builds the folder on a machine's Docker Engine, and serves it there, at a port or at hostnames. Answers its URL. */
export async function serveOnMachine(
  path: string,
  where: Pick<ResourceDefinition, 'network' | 'access'>,
  stateDir: string,
  options: SshOptions,
): Promise<string> {
  const appaloft = createAppaloft({
    stateDir,
    store: sqlite({ path: join(stateDir, 'appaloft.db') }),
    planners: [node(), dockerfile(), image()],
    targets: [ssh(options)],
  })
  try {
    const source = { kind: 'local-folder' as const, path }
    const attempt = await appaloft.deployments.create({ resource: { id: 'res_shop', source, ...where } })
    const { accessUrls, failure } = await attempt.done
    if (failure) throw new Error(`${failure.code}: ${failure.message} ${failure.recoveryHint}`)
    return accessUrls[0] ?? ''
  } finally {
    await appaloft.close()
  }
}

/** For hostnames: a Caddy of our own on the machine, which is started there when it is first needed. */
export const withCaddy = (
  options: SshOptions,
  listen: Pick<CaddyProxyOptions, 'http' | 'https' | 'tls'> = {},
  container: Omit<CaddyOnMachineOptions, 'machine'> = {},
): SshOptions => ({
  ...options,
  proxy: (machine) => caddy({ ...listen, ...caddyContainer({ ...container, machine }).proxy }),
})

/** Copies a folder to a machine, and asks there how much room it takes. */
export async function sizeOnMachine(folder: string, remote: string, options: SshHostOptions): Promise<string> {
  const host = sshHost(options)
  try {
    await host.upload(folder, remote)
    const { exitCode, stdout, stderr } = await host.exec(['du', '-sk', remote], {
      env: { PATH: '/usr/bin:/bin' },
      timeoutMs: 30_000,
    })
    if (exitCode !== 0) throw new Error(stderr)
    return stdout
  } finally {
    await host.close()
  }
}
