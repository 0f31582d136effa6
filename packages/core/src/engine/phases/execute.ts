import { AppaloftError } from '../../spec/errors.js'
import type { Plan } from '../../spec/plan.js'
import type { ReleaseRecord } from '../../spec/release.js'
import type { ComingBuild, RunningRef } from '../../spec/target.js'
import type { Attempt } from '../attempt.js'
import { proxyOf, servedTable, tableOf, upstreamOf, usesProxy, verifyToken } from '../routes.js'
import { lookAhead } from './ahead.js'
import { endpointOf } from './ask-route.js'
import { comingBuild, releaseInput } from './inputs.js'
import { limited } from './limited.js'
import type { Begun } from './verify.js'

/** build → upload → release-command: what makes a release. @param foretold what its target was told of the build */
export async function makeRelease(
  attempt: Attempt,
  plan: Plan,
  sourceDirectory: string | null,
  foretold: ComingBuild | null,
): Promise<ReleaseRecord> {
  const { runtime, record, target } = attempt
  const coming = foretold ?? (await comingBuild(attempt, plan))
  const { releaseId } = coming
  const built = await attempt.step(
    'execute',
    'build',
    { releaseId },
    () =>
      limited(attempt, plan.timeouts.buildSeconds, 'buildSeconds', (signal) =>
        target.build({
          ...coming,
          token: attempt.token,
          signal,
          log: (line) => attempt.log('build', line),
          sourceDirectory,
        }),
      ),
    { set: { releaseId } },
  )
  const release: ReleaseRecord = {
    id: releaseId,
    resourceId: record.resourceId,
    target: target.key,
    deploymentId: record.id,
    plan,
    planFingerprint: record.planFingerprint ?? '',
    artifact: built.artifact,
    state: 'candidate',
    createdAt: runtime.now(),
  }
  const { cached } = built
  await attempt.step(
    'execute',
    'upload',
    { releaseId },
    () =>
      limited(attempt, plan.timeouts.uploadSeconds, 'uploadSeconds', async (signal) =>
        target.upload(await releaseInput(attempt, release, signal, 'upload')),
      ),
    {
      releases: [release],
      events: [attempt.event({ type: 'evidence-captured', step: 'build', data: { kind: 'build', cached, releaseId } })],
    },
  )
  const command = plan.commands.release
  if (command !== undefined) {
    await attempt.step('execute', 'release-command', { releaseId }, () =>
      limited(attempt, plan.timeouts.releaseSeconds, 'releaseSeconds', async (signal) => {
        const result = await target.run(
          await releaseInput(attempt, release, signal, 'release-command'),
          command.command,
        )
        if (result.exitCode !== 0) {
          throw new AppaloftError('release-command-failed', {
            message: `The release command ended with ${result.exitCode === null ? `signal ${result.signal}` : `exit code ${result.exitCode}`}.`,
            details: { exitCode: result.exitCode, lastLogs: result.lastLogs },
          })
        }
      }),
    )
  }
  return release
}

export const previousRef = (attempt: Attempt): RunningRef | null =>
  attempt.record.previous === null ? null : { resourceId: attempt.record.resourceId, ...attempt.record.previous }

/**
 * start → route: the candidate beside the running release, reachable only with the attempt's token.
 *
 * @returns what the checks begin with, asked for beside its route
 */
export async function startCandidate(attempt: Attempt, release: ReleaseRecord): Promise<Begun> {
  const { target, runtime } = attempt
  const { plan } = release
  const previous = previousRef(attempt)
  // Nobody else changes it any more: it is read while the candidate starts.
  const served = usesProxy(plan) && plan.overlap ? servedTable(attempt) : null
  // Waited for below.
  served?.catch(() => undefined)
  const begun: Begun = {}
  // Where it serves something already; where that changes with this route, the first try finds out.
  if (usesProxy(plan) && previous !== null) begun.endpoint = endpointOf(attempt).catch(() => endpointOf(attempt))
  // Waited for by who takes it.
  begun.endpoint?.catch(() => undefined)
  await attempt.step(
    'execute',
    'start',
    { releaseId: release.id, stopsPrevious: !plan.overlap && previous !== null },
    () =>
      limited(attempt, plan.timeouts.startSeconds, 'startSeconds', async (signal) => {
        if (!plan.overlap && previous !== null) await target.stop(previous, attempt.token, { signal })
        await target.start(await releaseInput(attempt, release, signal))
      }),
  )
  if (!usesProxy(plan)) return {}
  const route = async () => {
    begun.health = lookAhead(attempt, release)
    const { startSeconds } = plan.timeouts
    const port = plan.network.internalPort ?? 80
    const [staged, former, token] = await Promise.all([
      upstreamOf(runtime, target, attempt.ref, port, startSeconds, attempt.signal),
      served?.catch(() => servedTable(attempt)) ?? null,
      verifyToken(runtime, attempt.ref),
    ])
    // Nothing to lead anybody to: the checks tell how it ended.
    if (staged === null) return
    const verify = { token, deploymentId: attempt.id }
    // Hostnames may change with the release: until promotion the former routes stay as they are, and new ones lead nowhere without the token.
    const table = tableOf(plan, runtime.identity, { live: former?.live ?? null, staged, verify })
    const kept = (former?.routes ?? []).filter(
      (old) => !table.routes.some((one) => one.hostname === old.hostname && one.pathPrefix === old.pathPrefix),
    )
    await proxyOf(target).apply(
      attempt.record.resourceId,
      { ...table, routes: [...table.routes, ...kept] },
      attempt.token,
      { signal: attempt.signal },
    )
  }
  try {
    await attempt.step('execute', 'route', { releaseId: release.id }, route)
    return begun
  } catch (error) {
    begun.health?.drop()
    throw error
  }
}
