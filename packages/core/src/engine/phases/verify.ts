import { lookup } from 'node:dns/promises'
import type { Check, CheckName } from '../../spec/checks.js'
import type { ErrorCode } from '../../spec/codes.js'
import { AppaloftError } from '../../spec/errors.js'
import type { JsonObject } from '../../spec/json.js'
import { type Address, identityHeader, verifyHeader } from '../../spec/proxy.js'
import { type Evidence, reason } from '../../spec/reasons.js'
import type { ReleaseRecord } from '../../spec/release.js'
import type { RunningState } from '../../spec/target.js'
import { type Attempt, pause } from '../attempt.js'
import { ask, dial } from '../request.js'
import { accessUrls, proxyOf, tableOf, upstreamOf, usesProxy, verifyToken } from '../routes.js'
import { previousRef, releaseInput } from './execute.js'

const seen = (signal: string, value: Evidence['value'], kind = 'response'): Evidence => ({
  kind,
  signal,
  ...(value === undefined ? {} : { value }),
})

async function record(attempt: Attempt, name: CheckName, check: Omit<Check, 'observedAt'>): Promise<void> {
  const full: Check = attempt.redact.json({ ...check, observedAt: attempt.runtime.now() })
  const level = check.status === 'failed' ? 'error' : 'info'
  await attempt.commit({
    set: { checks: { ...attempt.record.checks, [name]: full } },
    events: [
      attempt.event({
        type: 'check-observed',
        phase: 'verify',
        level,
        message: `${name}: ${check.status}`,
        data: {
          check: name,
          status: check.status,
          ...(check.code ? { code: check.code } : {}),
          evidence: full.evidence as unknown as JsonObject[],
        },
      }),
    ],
  })
}

async function fail(
  attempt: Attempt,
  name: CheckName,
  code: ErrorCode,
  message: string,
  attempts: number,
  evidence: Evidence[],
  details: JsonObject = {},
): Promise<never> {
  await record(attempt, name, { status: 'failed', code, attempts, evidence })
  throw new AppaloftError(code, { phase: 'verify', message, details })
}

export async function runtimeLogs(attempt: Attempt, tail = 50): Promise<string[]> {
  const lines: string[] = []
  try {
    for await (const line of attempt.target.logs(attempt.ref, { tail, signal: AbortSignal.timeout(2000) }))
      lines.push(attempt.redact.text(line.text).slice(0, 2000))
  } catch {
    // what was read is told
  }
  return lines.slice(-tail)
}

async function exited(attempt: Attempt, state: RunningState, attempts: number): Promise<never> {
  const gone = state.instances.find((one) => one.state === 'exited') ?? state.instances[0]
  const lastLogs = await runtimeLogs(attempt)
  const how =
    gone?.exitCode !== undefined
      ? `exit code ${gone.exitCode}`
      : gone?.signal
        ? `signal ${gone.signal}`
        : 'an unknown exit code'
  const evidence = [
    seen('process', { state: state.state, exitCode: gone?.exitCode ?? null, signal: gone?.signal ?? null }, 'process'),
    ...lastLogs.slice(-5).map((line) => seen('log', line, 'log')),
  ]
  const code = gone?.outOfMemory ? 'out-of-memory' : 'process-exited'
  return fail(attempt, 'process', code, `The process exited with ${how}.`, attempts, evidence, {
    lastLogs,
    ...(gone?.exitCode === undefined ? {} : { exitCode: gone.exitCode }),
  })
}

/** process and health, together: an exit ends the wait at once. */
export async function checkHealth(attempt: Attempt, release: ReleaseRecord): Promise<void> {
  const { target, signal } = attempt
  const { plan } = release
  const { health } = plan
  const clock = attempt.runtime.clock
  const began = clock.monotonic()
  const startPeriod = health.startPeriodSeconds * 1000
  const port = health.port ?? plan.network.internalPort ?? 80
  let attempts = 0
  let counted = 0
  let processTold = false
  for (;;) {
    signal.throwIfAborted()
    attempts++
    const inPeriod = clock.monotonic() - began < startPeriod
    const state = await target.inspect(attempt.ref, { signal })
    if (state.state === 'exited' || state.state === 'absent' || state.instances.some((one) => one.state === 'exited'))
      await exited(attempt, state, attempts)
    const running = state.state === 'running'
    if (running && !processTold) {
      processTold = true
      await record(attempt, 'process', {
        status: 'passed',
        attempts,
        evidence: state.instances.map((one) => seen('pid', one.pid ?? one.id, 'process')),
      })
    }
    if (!health.enabled) {
      if (plan.network.exposure !== 'none' || !inPeriod) {
        if (running)
          return record(attempt, 'health', {
            status: 'skipped',
            attempts: 0,
            evidence: [seen('health.enabled', false, 'profile')],
          })
        if (!inPeriod) await fail(attempt, 'process', 'start-failed', 'The process was not seen running.', attempts, [])
      }
      await pause(100, signal)
      continue
    }
    const outcome = await probe(attempt, release, port)
    if (outcome.ok && running) {
      await record(attempt, 'health', { status: 'passed', attempts, evidence: outcome.evidence })
      if (
        health.defaulted &&
        health.type === 'http' &&
        outcome.status !== undefined &&
        (outcome.status < 200 || outcome.status > 299)
      ) {
        const warning = reason('health-policy-defaulted', {
          phase: 'verify',
          message: `No health check is defined, and / answered ${outcome.status}.`,
        })
        await attempt.commit({
          set: { warnings: [...attempt.record.warnings, warning] },
          events: [
            attempt.event({
              type: 'warning',
              phase: 'verify',
              level: 'warn',
              message: warning.message,
              data: { code: warning.code },
            }),
          ],
        })
      }
      return
    }
    if (!outcome.ok && !inPeriod) {
      counted++
      const expected = state.instances.flatMap((one) => one.expectedPort ?? [])
      const listening = [...new Set(state.instances.flatMap((one) => one.listening ?? []))]
      const elsewhere = outcome.refused && listening.length > 0 && !listening.some((one) => expected.includes(one))
      if (elsewhere || counted >= health.retries) {
        if (outcome.refused) {
          const where = listening.length > 0 ? `it listens on ${listening.join(', ')}` : 'it listens on no port'
          await fail(
            attempt,
            'health',
            'port-not-listening',
            `Nothing answers on the release's port ${expected.join(', ') || port}; ${where}.`,
            attempts,
            [...outcome.evidence, seen('expected-port', expected, 'process'), seen('listening', listening, 'process')],
            { expected, listening, lastLogs: await runtimeLogs(attempt) },
          )
        }
        await fail(attempt, 'health', outcome.code, outcome.message, attempts, outcome.evidence, {
          lastLogs: await runtimeLogs(attempt),
        })
      }
    }
    // Inside the start period often, so that a healthy one is noticed at once.
    await pause(inPeriod ? 50 : health.intervalSeconds * 1000, signal)
  }
}

type Outcome = {
  ok: boolean
  status?: number
  refused?: boolean
  code: ErrorCode
  message: string
  evidence: Evidence[]
}

async function probe(attempt: Attempt, release: ReleaseRecord, port: number): Promise<Outcome> {
  const { health } = release.plan
  const timeoutMs = health.timeoutSeconds * 1000
  if (health.type === 'command') {
    const result = await attempt.target
      .exec(attempt.ref, health.command!, { signal: AbortSignal.any([attempt.signal, AbortSignal.timeout(timeoutMs)]) })
      .catch((error) => {
        attempt.signal.throwIfAborted()
        return { exitCode: null, signal: null, lastLogs: [String(error instanceof Error ? error.message : error)] }
      })
    const evidence = [
      seen('exit-code', result.exitCode, 'process'),
      ...result.lastLogs.slice(-3).map((line) => seen('log', line, 'log')),
    ]
    return {
      ok: result.exitCode === 0,
      code: 'health-command-failed',
      message: `The health command ended with exit code ${result.exitCode}.`,
      evidence,
    }
  }
  const { probe: addresses } = await attempt.target.reach(attempt.ref, port, { signal: attempt.signal })
  if (addresses.length === 0)
    return {
      ok: false,
      refused: true,
      code: 'health-timeout',
      message: 'The release has no address yet.',
      evidence: [],
    }
  let last: Outcome | undefined
  for (const address of addresses) {
    last = await probeOne(attempt, address, health, timeoutMs)
    if (!last.ok) return last
  }
  return last!
}

async function probeOne(
  attempt: Attempt,
  address: Address,
  health: ReleaseRecord['plan']['health'],
  timeoutMs: number,
): Promise<Outcome> {
  const started = performance.now()
  try {
    if (health.type === 'tcp') {
      await dial(address, timeoutMs)
      return { ok: true, code: 'health-timeout', message: '', evidence: [seen('tcp', 'connected')] }
    }
    const answer = await ask(address, {
      path: health.path,
      method: health.method,
      headers: { host: 'localhost', 'user-agent': 'appaloft-health' },
      timeoutMs,
      signal: attempt.signal,
    })
    const evidence = [
      seen(`${health.method} ${health.path}`, answer.status),
      seen('milliseconds', Math.round(performance.now() - started)),
    ]
    const good = health.expectedStatus === undefined ? answer.status < 500 : answer.status === health.expectedStatus
    if (!good) {
      return {
        ok: false,
        status: answer.status,
        code: 'health-status-unexpected',
        message: `${health.method} ${health.path} answered ${answer.status}, expected ${health.expectedStatus ?? 'below 500'}.`,
        evidence,
      }
    }
    if (health.expectedText !== undefined && !answer.body.includes(health.expectedText)) {
      return {
        ok: false,
        status: answer.status,
        code: 'health-text-missing',
        message: `${health.method} ${health.path} does not contain ${JSON.stringify(health.expectedText)}.`,
        evidence,
      }
    }
    return { ok: true, status: answer.status, code: 'health-timeout', message: '', evidence }
  } catch (error) {
    attempt.signal.throwIfAborted()
    const code = (error as NodeJS.ErrnoException).code ?? 'error'
    const refused = code === 'ECONNREFUSED' || code === 'ENOENT'
    return {
      ok: false,
      refused,
      code: 'health-timeout',
      message: `${health.method} ${health.path} did not answer within ${health.timeoutSeconds} s (${code}).`,
      evidence: [seen(`${health.method} ${health.path}`, code)],
    }
  }
}

/** Asks a route as users do, but with the token and without DNS. */
export async function askRoute(
  attempt: Attempt,
  hostname: string | null,
  path: string,
): Promise<{ status: number; identity: string | undefined; location: string | undefined }> {
  const proxy = proxyOf(attempt.target)
  const { address } = await proxy.endpoint(attempt.record.resourceId, { signal: AbortSignal.timeout(5000) })
  const host =
    hostname === null
      ? address.kind === 'tcp'
        ? `${address.host}:${address.port}`
        : 'localhost'
      : hostname.replace(/^\*\./, 'appaloft-check.')
  const token = await verifyToken(attempt.runtime, attempt.ref)
  const answer = await ask(address, {
    path,
    headers: { host, [verifyHeader]: token, 'user-agent': 'appaloft-verify' },
    timeoutMs: 5000,
  })
  const one = (value: string | string[] | undefined) => (Array.isArray(value) ? value[0] : value)
  return {
    status: answer.status,
    identity: one(answer.headers[identityHeader]),
    location: one(answer.headers.location),
  }
}

async function checkRoutes(
  attempt: Attempt,
  release: ReleaseRecord,
  name: 'route' | 'access',
  patienceMs: number,
): Promise<void> {
  const { access } = release.plan
  const began = performance.now()
  const evidence: Evidence[] = []
  let attempts = 0
  for (const hostname of access.hostnames.length > 0 ? access.hostnames : [null]) {
    for (;;) {
      attempts++
      if (name === 'route') attempt.signal.throwIfAborted()
      const at = `${hostname ?? 'own port'}${access.pathPrefix}`
      let code: ErrorCode
      let message: string
      try {
        const answer = await askRoute(attempt, hostname, access.pathPrefix)
        const fact = seen(at, { status: answer.status, identity: answer.identity ?? null })
        const redirect = access.redirectTo !== undefined && answer.status >= 300 && answer.status < 400
        if (answer.identity === attempt.id || (redirect && name === 'route')) {
          if (name === 'route' || answer.status < 500) {
            evidence.push(fact)
            break
          }
          code = 'access-status-unexpected'
          message = `${at} answered ${answer.status}.`
        } else {
          code = 'route-identity-mismatch'
          message = `${at} was answered by ${answer.identity ?? 'something without an identity'}.`
        }
        if (performance.now() - began > Math.min(patienceMs, 3000))
          await fail(attempt, name, code, message, attempts, [...evidence, fact])
      } catch (error) {
        if (AppaloftError.isInstance(error) && error.phase === 'verify') throw error
        attempt.signal.throwIfAborted()
        const why = (error as NodeJS.ErrnoException).code ?? (error instanceof Error ? error.message : String(error))
        if (performance.now() - began > patienceMs) {
          await fail(
            attempt,
            name,
            name === 'route' ? 'route-not-served' : 'access-unreachable',
            `${at} does not answer (${why}).`,
            attempts,
            [...evidence, seen(at, why)],
          )
        }
      }
      await pause(100)
    }
  }
  await record(attempt, name, { status: 'passed', attempts, evidence })
}

/** The process, health and route checks: what a candidate must pass before users meet it. */
export async function verifyCandidate(attempt: Attempt, release: ReleaseRecord): Promise<void> {
  await attempt.step('verify', 'health', { releaseId: release.id }, () => checkHealth(attempt, release))
  if (!usesProxy(release.plan))
    return record(attempt, 'route', {
      status: 'skipped',
      attempts: 0,
      evidence: [seen('network.exposure', release.plan.network.exposure, 'profile')],
    })
  await attempt.step('verify', 'verify-route', { releaseId: release.id }, () =>
    checkRoutes(attempt, release, 'route', 10_000),
  )
}

/** Live traffic moves in one atomic change of the proxy; the record follows it. */
export async function promote(attempt: Attempt, release: ReleaseRecord): Promise<void> {
  const { runtime, target, signal } = attempt
  const data = { releaseId: release.id }
  signal.throwIfAborted()
  await attempt.commit({
    set: { promotion: 'intended', journal: { step: 'promote', state: 'intended', data } },
    events: [attempt.event({ type: 'step-started', phase: 'verify', step: 'promote', data })],
  })
  if (usesProxy(release.plan)) {
    const live = await upstreamOf(target, attempt.ref, release.plan.network.internalPort ?? 80, 10)
    const verify = { token: await verifyToken(runtime, attempt.ref), deploymentId: attempt.id }
    await proxyOf(target).apply(
      attempt.record.resourceId,
      tableOf(release.plan, runtime.identity, { live, staged: null, verify }),
      attempt.token,
    )
  }
  await recordPromotion(attempt, release)
}

export async function recordPromotion(attempt: Attempt, release: ReleaseRecord): Promise<void> {
  const { runtime } = attempt
  const data = { releaseId: release.id }
  attempt.compensating = true // from here on a cancel is refused: already promoted
  const promoted: ReleaseRecord = {
    ...release,
    state: 'retained',
    promotedAt: runtime.now(),
    promotedOrder: attempt.record.order,
  }
  await attempt.commit({
    set: { promotion: 'recorded', journal: { step: 'promote', state: 'done', data } },
    releases: [promoted],
    live: { deploymentId: attempt.id, releaseId: release.id },
    events: [
      attempt.event({
        type: 'traffic-promoted',
        phase: 'verify',
        step: 'promote',
        message: `Traffic is served by ${attempt.id}.`,
        data: { ...data, from: attempt.record.previous?.deploymentId ?? null },
      }),
      attempt.event({ type: 'step-succeeded', phase: 'verify', step: 'promote' }),
    ],
  })
}

export async function checkAccess(attempt: Attempt, release: ReleaseRecord): Promise<void> {
  const { plan } = release
  if (plan.network.exposure === 'none') {
    return record(attempt, 'access', {
      status: 'skipped',
      attempts: 0,
      evidence: [seen('network.exposure', 'none', 'profile')],
    })
  }
  await attempt.step('verify', 'access', { releaseId: release.id }, async () => {
    if (plan.network.exposure === 'direct-port') {
      const { probe: addresses } = await attempt.target.reach(attempt.ref, plan.network.internalPort ?? 80)
      for (const address of addresses) await dial(address, 5000)
      await record(attempt, 'access', {
        status: 'passed',
        attempts: 1,
        evidence: [seen('host-port', plan.network.hostPort ?? null)],
      })
    } else {
      await checkRoutes(attempt, release, 'access', 60_000)
      await askPublicly(attempt, release)
    }
  })
  await attempt.commit({ set: { accessUrls: await accessUrls(attempt.target, plan, attempt.record.resourceId) } })
}

/** The public address is evidence; it decides only where the profile asks for it. */
async function askPublicly(attempt: Attempt, release: ReleaseRecord): Promise<void> {
  const { access } = release.plan
  const { publicPort } = await proxyOf(attempt.target).endpoint(attempt.record.resourceId)
  for (const hostname of access.hostnames.filter(
    (one) => !one.startsWith('*.') && one !== 'localhost' && !one.endsWith('.localhost'),
  )) {
    let message = ''
    try {
      const { address } = await Promise.race([
        lookup(hostname),
        pause(2000).then(() => Promise.reject(new Error('timeout'))),
      ])
      const token = await verifyToken(attempt.runtime, attempt.ref)
      const answer = await ask(
        { kind: 'tcp', host: address, port: publicPort },
        { path: access.pathPrefix, headers: { host: hostname, [verifyHeader]: token }, timeoutMs: 2000 },
      )
      if (answer.headers[identityHeader] !== attempt.id) message = `${hostname} leads elsewhere.`
    } catch (error) {
      message = `${hostname} cannot be reached publicly (${(error as NodeJS.ErrnoException).code ?? String(error)}).`
    }
    if (message === '') continue
    if (access.requirePublic) await fail(attempt, 'access', 'access-unreachable', message, 1, [seen(hostname, message)])
    const warning = reason('dns-not-pointing', { message })
    await attempt.commit({
      set: { warnings: [...attempt.record.warnings, warning] },
      events: [
        attempt.event({ type: 'warning', phase: 'verify', level: 'warn', message, data: { code: warning.code } }),
      ],
    })
  }
}

/** In-flight requests of former releases finish, bounded by `drainSeconds`; then they are stopped. A failure is a warning. */
export async function drain(attempt: Attempt, release: ReleaseRecord): Promise<void> {
  const {
    target,
    runtime,
    record: { resourceId },
  } = attempt
  const previous = previousRef(attempt)
  await attempt.commit({
    set: { drain: 'running', journal: { step: 'drain', state: 'intended', data: {} } },
    events: [attempt.event({ type: 'step-started', phase: 'verify', step: 'drain' })],
  })
  let outcome: 'done' | 'failed' = 'done'
  try {
    await target.promoted?.(await releaseInput(attempt, release, new AbortController().signal, 'promote'), previous)
    const old = (await target.list(resourceId)).filter((one) => one.deploymentId !== attempt.id)
    const began = runtime.clock.monotonic()
    const limit = release.plan.network.drainSeconds * 1000
    for (const one of old) {
      while (target.proxy?.capabilities.inFlight && usesProxy(release.plan)) {
        attempt.signal.throwIfAborted()
        const { inFlight } = await target.proxy.observe(resourceId)
        const open = inFlight.find((each) => each.deploymentId === one.deploymentId)?.count ?? 0
        if (open === 0 || runtime.clock.monotonic() - began >= limit) break
        await pause(50, attempt.signal)
      }
      attempt.signal.throwIfAborted()
      await target.proxy?.cut?.(resourceId, one.deploymentId, attempt.token)
      await target.stop(one, attempt.token)
      await target.remove(one, attempt.token)
      await attempt.commit({
        events: [
          attempt.event({
            type: 'release-drained',
            phase: 'verify',
            step: 'drain',
            data: {
              deploymentId: one.deploymentId,
              releaseId: one.releaseId,
              seconds: Math.round(runtime.clock.monotonic() - began) / 1000,
            },
          }),
        ],
      })
    }
  } catch (error) {
    attempt.signal.throwIfAborted()
    if (AppaloftError.isInstance(error) && (error.code === 'lease-lost' || error.code === 'fenced')) throw error
    outcome = 'failed'
    const warning = reason('drain-failed', {
      phase: 'verify',
      message: `The former release was not drained: ${error instanceof Error ? error.message : String(error)}`,
    })
    await attempt.commit({
      set: { warnings: [...attempt.record.warnings, warning] },
      events: [
        attempt.event({
          type: 'warning',
          level: 'warn',
          phase: 'verify',
          message: warning.message,
          data: { code: warning.code },
        }),
      ],
    })
  }
  await attempt.commit({
    set: { drain: outcome, journal: { step: 'drain', state: 'done', data: {} } },
    events: [
      attempt.event({ type: outcome === 'done' ? 'step-succeeded' : 'step-failed', phase: 'verify', step: 'drain' }),
    ],
  })
}
