import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { type Appaloft, allReasonCodes, createAppaloft, memoryStore, type Preview, previewSchema } from '@appaloft/core'
import { Random } from '../../src/simulation/random.js'
import { containers, fivePlanners } from '../reasons/scene.js'
import { mutate } from './mutations.js'
import { fixtureSources } from './sources.js'

/** Of the processor, not of the clock: what else runs on the machine does not count. */
const mostCpuMs = 1000
const mostBytes = 400 * 1024 * 1024
const codes = new Set<string>(allReasonCodes)

function write(folder: string, files: Record<string, string>): void {
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true })
    writeFileSync(join(folder, path), text)
  }
}

function check(preview: Preview): void {
  previewSchema.parse(preview)
  const { readiness, unsupportedReasons, warnings, artifact } = preview
  const said = [...unsupportedReasons, ...warnings]
  const unknown = said.filter(({ code }) => !codes.has(code))
  if (unknown.length > 0) throw new Error(`codes that nobody knows: ${unknown.map(({ code }) => code).join(', ')}`)
  const failed = said.find(({ code }) => code === 'planner-failed')
  if (failed) throw new Error(failed.message)
  if ((readiness.status === 'blocked') !== unsupportedReasons.length > 0) throw new Error('blocked without a reason')
  if (readiness.status !== 'blocked' && artifact === null) throw new Error('ready without an artifact')
  const bytes = JSON.stringify(preview).length
  if (bytes > 512 * 1024) throw new Error(`a preview of ${bytes} bytes`)
}

export interface Survived {
  plans: number
  blocked: number
  slowestCpuMs: number
  grownBytes: number
  codes: Record<string, number>
}

/**
 * Detects and plans so many mutated sources with all planners, through an engine and from the disk; the same ones for the same seed. Throws
 * with the source that something else than a preview comes of, or that takes more than a second of the processor.
 */
export async function survive(count: number, seed: number): Promise<Survived> {
  const samples = fixtureSources()
  const random = new Random(seed)
  const base = mkdtempSync(join(tmpdir(), 'appaloft-hostile-'))
  const target = containers()
  let engine: Appaloft | undefined
  const result: Survived = { plans: 0, blocked: 0, slowestCpuMs: 0, grownBytes: 0, codes: {} }
  const { rss } = process.memoryUsage()
  try {
    for (let index = 0; index < count; index++) {
      // What one engine keeps of sources is not what is looked at here.
      if (index % 500 === 0) {
        await engine?.close()
        rmSync(join(base, 'state'), { recursive: true, force: true })
        const stateDir = join(base, 'state')
        engine = createAppaloft({ store: memoryStore(), targets: [target], planners: fivePlanners(), stateDir })
      }
      const files = mutate(samples, random)
      const path = join(base, 'source')
      write(path, files)
      const before = process.cpuUsage()
      try {
        const resource = { source: { kind: 'local-folder' as const, path } }
        const preview = await engine!.deployments.plan({ resource, ...(random.chance(0.5) ? { target: null } : {}) })
        const { user, system } = process.cpuUsage(before)
        const cpuMs = (user + system) / 1000
        result.slowestCpuMs = Math.max(result.slowestCpuMs, Math.round(cpuMs))
        if (cpuMs > mostCpuMs) throw new Error(`${Math.round(cpuMs)} ms of the processor`)
        check(preview)
        if (preview.readiness.status === 'blocked') result.blocked++
        for (const { code } of preview.unsupportedReasons) result.codes[code] = (result.codes[code] ?? 0) + 1
      } catch (error) {
        throw new Error(
          `seed ${seed}, source ${index}: ${(error as Error).message}\n${JSON.stringify(files).slice(0, 4000)}`,
          {
            cause: error,
          },
        )
      } finally {
        rmSync(path, { recursive: true, force: true })
      }
      result.plans++
      result.grownBytes = Math.max(result.grownBytes, process.memoryUsage.rss() - rss)
      if (result.grownBytes > mostBytes)
        throw new Error(`seed ${seed}, source ${index}: ${result.grownBytes} bytes more`)
    }
    return result
  } finally {
    await engine?.close()
    rmSync(base, { recursive: true, force: true, maxRetries: 10 })
  }
}
