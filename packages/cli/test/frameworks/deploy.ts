import { cpSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createAppaloft } from '@appaloft/core'
import type { DeploymentEvent, Preview, ResourceDefinition } from '@appaloft/core/spec'
import { shutdown } from '@appaloft/target-process'
import { expect } from 'vitest'
import { defaultComposition } from '../../src/composition.js'
import type { RealApp } from './app.js'
import { askAll } from './ask.js'
import { type Seconds, startSeconds, timeCommands } from './timing.js'

export const fixtures = join(import.meta.dirname, '../fixtures/frameworks')

export interface Deployed {
  tier: string
  versions: Record<string, string>
  seconds: Seconds
}

/** Where it failed, and what the program that failed said last. */
export class AppFailed extends Error {
  constructor(
    readonly step: string,
    message: string,
    readonly lastLogs: readonly string[],
  ) {
    super(`${step}: ${message}\n${lastLogs.map((line) => `    ${line}`).join('\n')}`)
  }
}

/** Plans, deploys, asks and removes one application, with what the command line composes. Leaves nothing. */
export async function deployApp(app: RealApp, signal: AbortSignal): Promise<Deployed> {
  const folder = mkdtempSync(join(tmpdir(), `appaloft-real-${app.name}-`))
  const stateDir = join(folder, 'state')
  try {
    cpSync(join(fixtures, app.name), join(folder, app.name), { recursive: true })
    return await run(app, join(folder, app.name), stateDir, signal)
  } finally {
    await shutdown(stateDir, { force: true })
    rmSync(folder, { recursive: true, force: true, maxRetries: 10 })
  }
}

async function run(app: RealApp, path: string, stateDir: string, signal: AbortSignal): Promise<Deployed> {
  const { baseDirectory } = app
  const resource: ResourceDefinition = {
    id: 'res_real',
    ...app.profile,
    source: { kind: 'local-folder', path, ...(baseDirectory === undefined ? {} : { baseDirectory }) },
  }
  const appaloft = createAppaloft(await defaultComposition({ stateDir }))
  const events: DeploymentEvent[] = []
  let timing: ReturnType<typeof timeCommands> | undefined
  try {
    const preview = await appaloft.deployments.plan({ resource })
    checkPlan(app, preview)
    timing = timeCommands(preview.commands)
    const handle = await appaloft.deployments.create(
      { resource, fingerprint: preview.fingerprint },
      { signal, onEvent: (event) => void events.push(event) },
    )
    const done = await handle.done
    if (done.status !== 'succeeded') {
      const { failure } = done
      const last = events.filter((event) => event.type === 'log').slice(-40)
      const logs = failure?.lastLogs.length ? failure.lastLogs : last.map((event) => event.message ?? '')
      const step = failure?.step ?? failure?.phase ?? done.status
      throw new AppFailed(step, `${failure?.code}: ${failure?.message}`, logs.slice(-40))
    }
    await askAll(done.accessUrls[0] as string, done.id, app).catch((error: Error) => {
      throw new AppFailed('answers', error.message, [])
    })
    await appaloft.resources.remove('res_real')
    const start = startSeconds(events)
    return {
      tier: preview.planner?.supportTier ?? '',
      versions: pinned(app),
      seconds: { ...timing.seconds, ...(start === undefined ? {} : { start }) },
    }
  } finally {
    timing?.stop()
    await appaloft.close({ mode: 'cancel' })
  }
}

/** What the preview says is what the row says, the warnings included: a plan that is right by luck is none. */
function checkPlan({ plan, name }: RealApp, preview: Preview): void {
  const { framework, artifact, planner, runtime, readiness, warnings, unsupportedReasons } = preview
  const seen = {
    readiness:
      readiness.status === 'blocked' ? unsupportedReasons.map((one) => `${one.code}: ${one.message}`) : 'deployable',
    framework: framework && `${framework.name} ${framework.mode}`,
    kind: artifact?.kind,
    tier: planner?.supportTier,
    manager: runtime?.packageManager?.name,
    warnings: warnings.map((one) => one.code).sort(),
  }
  const wanted = {
    readiness: 'deployable',
    framework: plan.framework && `${plan.framework.name} ${plan.framework.mode}`,
    kind: plan.kind,
    tier: plan.tier ?? 'first-class',
    manager: plan.manager ?? 'npm',
    warnings: [...(plan.warnings ?? [])].sort(),
  }
  try {
    expect(seen, `the plan of ${name}`).toEqual(wanted)
  } catch (error) {
    throw new AppFailed('plan', (error as Error).message, JSON.stringify({ seen, wanted }, null, 2).split('\n'))
  }
}

/** Versions as the application pins them. */
function pinned(app: RealApp): Record<string, string> {
  const file = join(fixtures, app.name, app.baseDirectory ?? '.', 'package.json')
  const { dependencies = {}, devDependencies = {} } = JSON.parse(readFileSync(file, 'utf8')) as Record<
    'dependencies' | 'devDependencies',
    Record<string, string> | undefined
  >
  const all = { ...devDependencies, ...dependencies }
  return Object.fromEntries(app.versions.map((name) => [name, all[name] ?? 'not a dependency']))
}
