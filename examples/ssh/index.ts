import type { SshHostOptions } from '@appaloft/target-ssh'
import { sshHost } from '@appaloft/target-ssh'

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
