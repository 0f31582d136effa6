import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Target } from '@appaloft/core/spec'
import { cli, nodeImage, removeScope, testEngine, testScope } from '../../target-docker/test/engine.js'
import { type SshOptions, ssh } from '../src/index.js'
import type { Sshd } from './sshd.js'

export { haveEngine } from '../../target-docker/test/engine.js'

/** Where the engine of the tests listens. */
export async function engineSocket(): Promise<string> {
  const engine = await testEngine()
  const { address } = engine
  engine.client.close()
  if (address.kind !== 'unix') throw new Error('these tests need an engine on a socket of this machine')
  return address.path
}

export interface RemoteMachine {
  target: Target
  scope: string
  again(): Promise<Target>
  close(): Promise<void>
}

/** A target on the machine behind the sshd, with a scope of its own on the engine there. */
export async function remoteMachine(sshd: Sshd, options: Partial<SshOptions> = {}): Promise<RemoteMachine> {
  const [folder, socket, scope] = [await mkdtemp(join(tmpdir(), 'appaloft-remote-')), await engineSocket(), testScope()]
  const opened: Target[] = []
  const again = async () => {
    const made = ssh({ host: sshd.options(), socket, cli, scope, baseImage: () => nodeImage, ...options })
    await made.open?.({ stateDir: join(folder, 'state') })
    opened.push(made)
    return made
  }
  const close = async () => {
    for (const one of opened) await one.close?.()
    await removeScope(scope)
    await rm(folder, { recursive: true, force: true })
  }
  return { target: await again(), scope, again, close }
}
