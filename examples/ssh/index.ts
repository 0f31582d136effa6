import { join } from 'node:path'
import { createAppaloft } from '@appaloft/core'
import { dockerfile } from '@appaloft/planner-dockerfile'
import { image } from '@appaloft/planner-image'
import { node } from '@appaloft/planner-node'
import { sqlite } from '@appaloft/store-sqlite'
import { type SshHostOptions, type SshOptions, ssh, sshHost } from '@appaloft/target-ssh'

/** Builds the folder on a machine's Docker Engine, and serves it there at a port. Answers its URL. */
export async function serveOnMachine(
  path: string,
  hostPort: number,
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
    const network = { exposure: 'direct-port' as const, hostPort }
    const attempt = await appaloft.deployments.create({ resource: { id: 'res_shop', source, network } })
    const { accessUrls, failure } = await attempt.done
    if (failure) throw new Error(`${failure.code}: ${failure.message} ${failure.recoveryHint}`)
    return accessUrls[0] ?? ''
  } finally {
    await appaloft.close()
  }
}

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
