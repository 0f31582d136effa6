import { mkdirSync, writeFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Plan, Proxy, ReleaseInput, RunningRef, Target } from '@appaloft/core/spec'
import { fakeProxy, sampleId, samplePlan, sampleRelease } from '@appaloft/testkit'
import { type KeeperOptions, shutdown, process as target } from '../src/index.js'
import { lockHolder } from '../src/shared/lock.js'
import { Layout } from '../src/shared/paths.js'

export interface Machine {
  stateDir: string
  layout: Layout
  target: Target
  again(): Promise<Target>
  /** Builds and starts an application of these files; `server.mjs` is run. */
  deploy(
    files: Record<string, string>,
    options?: { number?: number; plan?: Partial<Plan>; environment?: Record<string, string> },
  ): Promise<ReleaseInput>
  /** The pid of a role's process; null: none. */
  pidOf(role: string): number | null
  close(): Promise<void>
}

/** A proxy that makes the keeper run the embedded one's daemon, and is not asked itself. */
const standIn = (): Proxy => {
  const proxy = fakeProxy({ key: 'embedded' })
  return { ...proxy, open: async () => undefined }
}

export async function machine(
  options: { keeper?: KeeperOptions; withProxy?: boolean; below?: string } = {},
): Promise<Machine> {
  const folder = await mkdtemp(join(tmpdir(), 'appaloft-machine-'))
  const stateDir = join(folder, options.below ?? '', 'state')
  const layout = new Layout(stateDir)
  const again = async () => {
    const made = target({
      proxy: options.withProxy === true ? standIn() : fakeProxy(),
      ...(options.keeper ? { keeper: options.keeper } : {}),
    })
    await made.open?.({ stateDir })
    return made
  }
  const first = await again()
  return {
    stateDir,
    layout,
    target: first,
    again,
    pidOf: (role) => lockHolder(layout.lock(role))?.identity.pid ?? null,
    async deploy(files, { number = 1, plan: overrides = {}, environment = {} } = {}) {
      const source = join(folder, `source-${number}`)
      for (const [name, content] of Object.entries(files)) {
        mkdirSync(dirname(join(source, name)), { recursive: true })
        writeFileSync(join(source, name), content)
      }
      const site = files['server.mjs'] === undefined
      const plan = samplePlan({
        target: 'process',
        artifact: site
          ? { kind: 'static-site', publishDirectory: '.', spaFallback: false }
          : { kind: 'workspace', installDirectory: '.', workingDirectory: '.' },
        commands: site ? {} : { start: { command: ['node', 'server.mjs'], from: 'profile' } },
        ...overrides,
      })
      const ref: RunningRef = {
        resourceId: plan.resourceId,
        deploymentId: sampleId('dep', number),
        releaseId: sampleId('rel', number),
      }
      const common = { ...ref, token: 1, signal: new AbortController().signal, log: () => undefined, secretNames: [] }
      const built = await first.build({
        ...common,
        plan,
        sourceDirectory: source,
        environment: {},
        inputsDigest: JSON.stringify([files, plan.commands]),
        noCache: false,
      })
      const input: ReleaseInput = {
        ...common,
        environment: {
          APPALOFT_DEPLOYMENT_ID: ref.deploymentId,
          APPALOFT_RESOURCE_ID: ref.resourceId,
          APPALOFT_RELEASE_ID: ref.releaseId,
          ...environment,
        },
        release: sampleRelease({
          id: ref.releaseId,
          resourceId: ref.resourceId,
          deploymentId: ref.deploymentId,
          target: 'process',
          plan,
          artifact: built.artifact,
        }),
      }
      await first.start(input)
      return input
    },
    async close() {
      await shutdown(stateDir, { force: true })
      // A keeper that was started beside another one, and lost, may still be on its way out.
      await rm(folder, { recursive: true, force: true, maxRetries: 10 })
    },
  }
}

export async function until<T>(what: string, look: () => Promise<T | null> | T | null, ms = 10_000): Promise<T> {
  const end = performance.now() + ms
  for (;;) {
    const found = await look()
    if (found !== null) return found
    if (performance.now() > end) throw new Error(`waited ${ms} ms for ${what}`)
    await sleep(10)
  }
}

export async function linesOf(target: Target, ref: RunningRef, options: { tail?: number } = {}): Promise<string[]> {
  const lines: string[] = []
  for await (const line of target.logs(ref, options)) lines.push(line.text)
  return lines
}

/** The URL at which a release answers, once it does. */
export async function urlOf(target: Target, ref: RunningRef): Promise<string> {
  return await until('an answer', async () => {
    const [address] = (await target.reach(ref, 80)).probe
    if (address?.kind !== 'tcp') return null
    const url = `http://${address.host}:${address.port}`
    const answer = await fetch(url, { signal: AbortSignal.timeout(500) }).catch(() => null)
    await answer?.body?.cancel()
    return answer === null ? null : url
  })
}

/** Counts aloud, 100 lines a second, and answers. */
export const counting = {
  'server.mjs': `
    import { createServer } from 'node:http'
    let count = 0
    setInterval(() => console.log('line ' + ++count), 10)
    createServer((request, response) => response.end('up')).listen(process.env.PORT)`,
}

/** A number missing from what a counting application printed, or one that came twice or too early; null: all are there. */
export function firstHole(lines: readonly string[]): string | null {
  const numbers = lines.map((line) => Number(/^line (\d+)$/.exec(line)?.[1]))
  const at = numbers.findIndex((number, index) => number !== (numbers[0] ?? 0) + index)
  return at < 0 ? null : `${lines[at - 1]} is followed by ${lines[at]}`
}
