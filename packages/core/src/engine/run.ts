import { redactor } from '../secrets/index.js'
import { keptCopy, openSource } from '../sources/index.js'
import type { DeploymentRecord } from '../spec/deployment.js'
import { AppaloftError } from '../spec/errors.js'
import { isTerminal, type Phase, type Status } from '../spec/phases.js'
import type { Reason } from '../spec/reasons.js'
import type { ReleaseRecord } from '../spec/release.js'
import { acquireResource } from './acquire.js'
import { type Attempt, pause } from './attempt.js'
import { openVariables } from './definitions.js'
import { isLost, toAppaloftError } from './errors.js'
import { failureOf } from './failure.js'
import { raiseFences } from './fences.js'
import { drain } from './phases/drain.js'
import { makeRelease, startCandidate } from './phases/execute.js'
import { promote } from './phases/promote.js'
import { endStatus, rollback } from './phases/rollback.js'
import { checkAccess, verifyCandidate } from './phases/verify.js'
import { detect, planDetected } from './planning.js'
import { retain } from './retention.js'
import { proxyOf, usesProxy } from './routes.js'

class BlockedPlan extends AppaloftError {
  constructor(readonly reason: Reason) {
    super(reason.code, { message: reason.message, phase: reason.phase })
  }
}

async function enter(
  attempt: Attempt,
  status: Status,
  phase: Phase,
  rest: Parameters<Attempt['commit']>[0] = {},
): Promise<void> {
  const former = attempt.record.currentPhase
  const events = [
    ...(rest.events ?? []),
    ...(former === null ? [] : [attempt.event({ type: 'phase-succeeded', phase: former })]),
    attempt.event({ type: 'phase-started', phase }),
  ]
  await attempt.commit({ ...rest, set: { ...rest.set, status, currentPhase: phase }, events })
}

/** Runs an attempt to its end. Never throws: the record tells. */
export async function run(attempt: Attempt): Promise<DeploymentRecord> {
  try {
    await forward(attempt)
  } catch (error) {
    try {
      await backward(attempt, error)
    } catch (second) {
      if (!isLost(second)) {
        // The store does not take the end: reconciliation will find the attempt by its lease.
        await attempt.end()
        return attempt.record
      }
      await outcomeByOther(attempt)
    }
  } finally {
    await attempt.end()
  }
  return attempt.record
}

async function forward(attempt: Attempt): Promise<void> {
  const { runtime, record } = attempt
  const values = await openVariables(runtime, record.resourceId, record.definition.environment ?? {})
  attempt.redact = redactor(values.filter((one) => one.secret).map((one) => one.value))
  const startedAt = runtime.now()
  const opened =
    record.trigger === 'retry' || record.trigger === 'rollback' ? null : await detectAndPlan(attempt, startedAt)
  const { plan } = attempt.record
  if (plan === null) throw new AppaloftError('not-retryable')
  const superseded = await acquireResource(attempt)
  const token = attempt.resourceLease!.token
  const live = (await runtime.store.getResource(record.resourceId))?.live[attempt.target.key] ?? null
  const previous = live !== null && live.deploymentId !== record.id ? live : null
  await enter(attempt, 'executing', 'execute', {
    set: { token, previous, startedAt: attempt.record.startedAt ?? startedAt },
  })
  await attempt.step('execute', 'fence', { token }, () =>
    raiseFences(attempt.target, record.resourceId, token, record.id),
  )
  for (const loser of superseded) await endSuperseded(attempt, loser)

  let release: ReleaseRecord
  if (record.trigger === 'rollback') {
    const former = await runtime.store.getRelease(record.releaseId!)
    if (former === null || former.state === 'discarded') throw new AppaloftError('release-not-found')
    release = { ...former, plan }
  } else {
    const hasFiles = plan.source.kind !== 'docker-image'
    const directory = !hasFiles
      ? null
      : await attempt.step('execute', 'source', { digest: plan.source.digest }, async () => {
          if (opened !== null) return opened.materialise({ signal: attempt.signal })
          const kept = await keptCopy(runtime.stateDir, plan.source.digest)
          if (kept !== null) return kept
          const again = await openSource(record.definition.source, {
            stateDir: runtime.stateDir,
            clock: runtime.clock,
            signal: attempt.signal,
            ...(runtime.credentials ? { credentials: runtime.credentials } : {}),
            ...(plan.source.commitSha ? { commitSha: plan.source.commitSha } : {}),
          })
          if (again.identity.digest !== plan.source.digest) throw new AppaloftError('source-changed')
          return again.materialise({ signal: attempt.signal })
        })
    release = await makeRelease(attempt, plan, directory)
  }
  await startCandidate(attempt, release)
  await enter(attempt, 'verifying', 'verify')
  await verifyCandidate(attempt, release)
  await promote(attempt, release)
  await finishPromoted(attempt, release)
}

/** access → drain → retention → the end: also what reconciliation does for an attempt whose promotion is recorded. */
export async function finishPromoted(attempt: Attempt, release: ReleaseRecord): Promise<void> {
  await checkAccess(attempt, release)
  await drain(attempt, release)
  await retain(attempt)
  if (usesProxy(release.plan)) {
    const proxy = proxyOf(attempt.target)
    const { table } = await proxy.observe(attempt.record.resourceId)
    if (table !== null && table.live?.deploymentId === attempt.id)
      await proxy.apply(attempt.record.resourceId, { ...table, staged: null, verify: null }, attempt.token)
  }
  await finish(attempt, 'succeeded')
}

export async function finish(attempt: Attempt, status: Status): Promise<void> {
  const finishedAt = attempt.runtime.now()
  const phase = attempt.record.currentPhase
  await attempt.commit({
    set: { status, finishedAt },
    releaseLeases: attempt.leases(),
    events: [
      ...(status === 'succeeded' ? [attempt.event({ type: 'phase-succeeded', phase: 'verify' })] : []),
      attempt.event({
        type: 'deployment-finished',
        ...(phase === null ? {} : { phase }),
        level: status === 'succeeded' ? 'info' : 'error',
        message: status,
        data: {
          status,
          ...(attempt.record.failure ? { code: attempt.record.failure.code } : {}),
          ...(attempt.record.rollback ? { rollback: attempt.record.rollback.outcome } : {}),
        },
      }),
    ],
  })
}

async function detectAndPlan(attempt: Attempt, startedAt: string) {
  const { runtime, record, target, signal } = attempt
  await enter(attempt, 'detecting', 'detect', { set: { startedAt } })
  const { gitRef, commitSha } = record.request
  const input = {
    definition: record.definition,
    target,
    signal,
    ...(gitRef ? { gitRef } : {}),
    ...(commitSha ? { commitSha } : {}),
  }
  const found = await detect(runtime, input)
  await attempt.commit({ set: { sourceIdentity: found.identity } })
  const early = found.reasons.find((one) => one.phase === 'detect')
  if (early !== undefined) throw new BlockedPlan(early)
  await enter(attempt, 'planning', 'plan')
  const { preview, plan } = await planDetected(runtime, input, found)
  const { fingerprint } = preview
  if (record.request.fingerprint !== undefined && record.request.fingerprint !== fingerprint) {
    await attempt.commit({ set: { planFingerprint: fingerprint } })
    throw new AppaloftError('plan-stale', {
      phase: 'plan',
      details: { expected: record.request.fingerprint, present: fingerprint },
    })
  }
  const warned = preview.warnings.map((one) =>
    attempt.event({ type: 'warning', level: 'warn', message: one.message, data: { code: one.code } }),
  )
  await attempt.commit({ set: { plan, planFingerprint: fingerprint, warnings: preview.warnings }, events: warned })
  const [first] = preview.unsupportedReasons
  if (first !== undefined || plan === null) throw new BlockedPlan(first!)
  return found.opened
}

/** A failure, a cancel: undo what was done, and say what became of it. */
async function backward(attempt: Attempt, thrown: unknown): Promise<void> {
  const error = toAppaloftError(attempt.signal.aborted && !attempt.compensating ? attempt.signal.reason : thrown)
  if (isLost(error)) throw error
  const status = attempt.record.status
  const phase: Phase =
    thrown instanceof BlockedPlan ? thrown.reason.phase : (attempt.record.currentPhase ?? error.phase ?? 'detect')
  const failure = failureOf(attempt, error, phase, thrown instanceof BlockedPlan ? thrown.reason : undefined)
  attempt.compensating = true
  if (error.code === 'canceled' && status !== 'canceling')
    await attempt.commit({ set: { status: 'canceling', cancelRequestedAt: attempt.runtime.now() } })
  const touched = attempt.record.token !== null
  if (touched) await rollback(attempt, failure)
  else {
    const events =
      attempt.record.currentPhase === null
        ? []
        : [
            attempt.event({
              type: 'phase-failed',
              phase,
              level: 'error',
              message: failure.message,
              data: { code: failure.code },
            }),
          ]
    await attempt.commit({
      set: {
        failure,
        ...(error.code === 'superseded' && typeof error.details.deploymentId === 'string'
          ? { supersededBy: error.details.deploymentId }
          : {}),
      },
      events,
    })
  }
  await finish(attempt, attempt.record.rollback?.outcome === 'failed' ? 'failed' : endStatus(failure))
}

/** The winner removes the loser's candidate and writes its end. */
async function endSuperseded(attempt: Attempt, loser: DeploymentRecord): Promise<void> {
  const { runtime, target } = attempt
  if (loser.releaseId !== null)
    await target.remove(
      { resourceId: loser.resourceId, deploymentId: loser.id, releaseId: loser.releaseId },
      attempt.token,
    )
  const at = runtime.now()
  const done = await runtime.store.commit({
    deploymentId: loser.id,
    guards: [attempt.resourceLease!],
    set: { status: 'superseded', finishedAt: at, supersededBy: attempt.id },
    events: [
      { type: 'lease-lost', at, data: { supersededBy: attempt.id } },
      { type: 'deployment-finished', at, data: { status: 'superseded', supersededBy: attempt.id } },
    ],
  })
  runtime.bus.emit(done.events)
}

/** Whoever holds the lease writes the end; this process only waits for it. Should that one die too, reconciliation writes it. */
async function outcomeByOther(attempt: Attempt): Promise<void> {
  const { store } = attempt.runtime
  for (let i = 0; i < 1200; i++) {
    const present = await store.getDeployment(attempt.id)
    if (present === null) return
    attempt.record = present
    if (isTerminal(present.status)) {
      await store.releaseLease(attempt.attemptLease).catch(() => {})
      return
    }
    await pause(50)
  }
}
