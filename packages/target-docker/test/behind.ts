import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Command, ReleaseInput, RunningRef, Target } from '@appaloft/core/spec'
import { sampleId, samplePlan, sampleRelease } from '@appaloft/testkit'
import { onTestFinished } from 'vitest'
import type { Engine } from '../src/api/engine.js'
import { type DockerOptions, docker } from '../src/index.js'
import { Names } from '../src/names.js'
import { type Machine, machine, nodeImage, testEngine, testOptions } from './engine.js'
import { relay } from './relay.js'

export interface Behind {
  /** A target that reaches the engine without the socket. */
  here: Machine
  engine: Engine
  names: Names
  folder: string
  /** The engine's own, and the one before it, as a path and as an address. */
  path: string
  socket: string
  host: string
  /** Listens at the socket from now on: see `relay`. */
  listen(...asked: Parameters<typeof relay> extends [string, string, ...infer Rest] ? Rest : never): Promise<void>
  /** Of the same scope, by the socket. */
  target(options?: Partial<DockerOptions>): Target
}

/** The engine of the tests behind a socket of a test's own. All of it goes with the test. */
export async function behindSocket(): Promise<Behind> {
  const here = await machine()
  onTestFinished(() => here.close())
  const engine = await testEngine()
  onTestFinished(() => engine.client.close())
  const folder = await mkdtemp(join(tmpdir(), 'appaloft-behind-'))
  onTestFinished(() => rm(folder, { recursive: true, force: true }))
  if (engine.address.kind !== 'unix') throw new Error('needs an engine on a socket')
  const { path } = engine.address
  const socket = join(folder, 'engine.sock')
  const host = `unix://${socket}`
  return {
    ...{ here, engine, names: new Names(here.scope), folder, path, socket, host },
    async listen(...asked) {
      const server = await relay(socket, path, ...asked)
      onTestFinished(() => {
        server.closeAllConnections()
        server.close()
      })
    },
    target(options = {}) {
      const made = docker({ ...testOptions(here.scope), host, ...options })
      onTestFinished(() => made.close?.())
      return made
    },
  }
}

export const ids = (number: number): RunningRef => ({
  resourceId: 'res_web',
  deploymentId: sampleId('dep', number),
  releaseId: sampleId('rel', number),
})

export const planOf = (command: Command = ['sleep', '600']) => ({
  ...samplePlan({ artifact: { kind: 'image', image: nodeImage } }),
  commands: { start: { command, from: 'profile' as const } },
})

/** A release of the image that the engine of the tests has, which runs this command. */
export async function inputOf(engine: Engine, ref: RunningRef, command?: Command): Promise<ReleaseInput> {
  const image = (await engine.image(nodeImage))?.Id ?? ''
  const release = sampleRelease({ id: ref.releaseId, plan: planOf(command), artifact: { image } })
  const common = { ...ref, token: 1, signal: new AbortController().signal, log: () => undefined }
  return { ...common, release, environment: {}, secretNames: [] }
}
