import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import type { Artifact, BuildInput, LogLine, Plan, ReleaseInput, ReleaseRecord, Target } from '@appaloft/core/spec'
import { sampleId, samplePlan, sampleRelease } from '@appaloft/testkit'
import { vi } from 'vitest'
import { cli, nodeImage, removeScope, testScope } from '../../target-docker/test/engine.js'
import { type SshOptions, ssh } from '../src/index.js'
import type { FarMachine } from './engines.js'
import { type Wire, wireTo } from './wire.js'

export const docker = (...args: string[]) =>
  execFileSync(cli, args, { encoding: 'utf8', maxBuffer: 64 * 1024 * 1024, stdio: ['ignore', 'pipe', 'pipe'] })

export interface Sample {
  artifact: Artifact
  files: Readonly<Record<string, string | Buffer>>
  plan?: Partial<Plan>
}

/** The applet of busybox: it serves what is in this folder. */
export const httpd = ['httpd', '-f', '-p', '80', '-h', '/srv']

/** An image that holds some megabytes that do not change, and a server that answers with a text. */
export const sampleApp = (text: string, stays: Buffer | string = 'the same'): Sample => ({
  artifact: { kind: 'dockerfile', context: '.', dockerfilePath: 'Dockerfile' },
  files: {
    Dockerfile: `FROM busybox:stable\nCOPY stays /stays\nCOPY index.html /srv/\nCMD ${JSON.stringify(httpd)}\n`,
    stays,
    'index.html': text,
  },
})

export interface Made {
  release: ReleaseRecord
  cached: boolean
  input: ReleaseInput
  logs: LogLine[]
}

export interface Scene {
  scope: string
  wire: Wire
  target: Target
  /** The same machine from another program. */
  again(options?: Partial<SshOptions>): Promise<Target>
  /** As the engine does, up to the start. */
  build(sample: Sample, change?: Partial<BuildInput>, target?: Target): Promise<Made>
  upload(made: Made, change?: Partial<ReleaseInput>, target?: Target): Promise<Made>
  /** What the release answers, on the far machine. */
  answer(made: Made): Promise<string>
  /** On the far machine. */
  far(...args: string[]): string
  /** Resolves once the machine is reached again after a cut. */
  settled(): Promise<void>
  /** Names of images under the scope, on the far machine and here. */
  names(): { far: string[]; here: string[] }
  close(): Promise<void>
}

/** A target that makes images here for a machine of its own, behind a wire that counts. */
export async function buildScene(machine: FarMachine, options: Partial<SshOptions>): Promise<Scene> {
  const folder = mkdtempSync(join(tmpdir(), 'appaloft-builds-'))
  const scope = testScope()
  const wire = await wireTo(machine.sshd.port)
  const opened: Target[] = []
  let count = 0
  const again = async (more: Partial<SshOptions> = {}) => {
    const host = { ...machine.sshd.options(), port: wire.port }
    const plain = { cli, scope, socket: machine.socket, baseImage: () => nodeImage, pull: 'missing' as const }
    const made = ssh({ ...plain, host, ...options, ...more })
    await made.open?.({ stateDir: join(folder, 'state') })
    opened.push(made)
    return made
  }
  const target = await again()
  const far = (...args: string[]) => docker('--host', machine.engine.host, ...args)
  const named = (text: string) =>
    text
      .split('\n')
      .filter((line) => line.includes(`/${scope}`))
      .sort()
  return {
    scope,
    wire,
    target,
    again,
    far,
    async build(sample, change = {}, on = target) {
      const source = mkdtempSync(join(folder, 'source-'))
      for (const [name, content] of Object.entries(sample.files)) {
        mkdirSync(dirname(join(source, name)), { recursive: true })
        writeFileSync(join(source, name), content)
      }
      count += 1
      const plan = samplePlan({ artifact: sample.artifact, ...sample.plan })
      const logs: LogLine[] = []
      const ref = { resourceId: 'res_web', deploymentId: sampleId('dep', count), releaseId: sampleId('rel', count) }
      const call = { ...ref, token: 1, signal: new AbortController().signal, log: (line: LogLine) => logs.push(line) }
      const common = { ...call, environment: {}, secretNames: [] }
      const inputsDigest = JSON.stringify(sample)
      const input = { ...common, plan, sourceDirectory: source, inputsDigest, noCache: false, ...change }
      const { artifact, cached } = await on.build(input)
      const release = sampleRelease({ id: ref.releaseId, resourceId: ref.resourceId, plan, artifact })
      return { release, cached, logs, input: { ...common, release } }
    },
    async upload(made, change = {}, on = target) {
      await on.upload({ ...made.input, ...change })
      return made
    },
    async answer(made) {
      await target.start(made.input)
      return await vi.waitFor(
        async () => {
          const labels = [`label=appaloft.release=${made.release.id}`, 'label=appaloft.role=instance']
          const [id = ''] = far('ps', '-q', ...labels.flatMap((one) => ['--filter', one])).split('\n')
          const [port] = far('port', id)
            .split('\n')
            .map((line) => line.split(':').at(-1))
          return await (await fetch(`http://127.0.0.1:${port}/`, { signal: AbortSignal.timeout(3_000) })).text()
        },
        { timeout: 20_000, interval: 100 },
      )
    },
    async settled() {
      await vi.waitFor(() => target.mark('res_web'), { timeout: 30_000, interval: 200 })
    },
    names: () => {
      const list = ['image', 'ls', '--format', '{{.Repository}}:{{.Tag}}']
      return { far: named(far(...list)), here: named(docker(...list)) }
    },
    async close() {
      for (const one of opened) await one.close?.()
      await wire.close()
      await removeScope(scope)
      rmSync(folder, { recursive: true, force: true })
    },
  }
}
