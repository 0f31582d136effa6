import type { Address } from '../../spec/proxy.js'
import { reason } from '../../spec/reasons.js'
import type { ReleaseRecord } from '../../spec/release.js'
import type { Reach, RunningState } from '../../spec/target.js'
import type { Attempt } from '../attempt.js'
import { usesProxy } from '../routes.js'
import type { Ahead } from './ahead.js'
import { exitSign } from './exit-signs.js'
import { fail, record, runtimeLogs, seen } from './observed.js'
import { lookMs, pauseOf } from './pace.js'
import { type Outcome, probe } from './probe.js'

/** Between two probes an exit is looked for so often. */
const exitMs = 100

interface Asked {
  /** What was asked while its route was made. */
  ahead?: Ahead | null | undefined
  /** It has answered as it should, and is looked at for the last time: what needs no more than that can be begun beside. */
  answered?(): void
}

/**
 * process and health, together: an exit ends the wait at once.
 *
 * @returns where its proxy reaches it, as the last look has found it; empty: not told
 */
export async function checkHealth(
  attempt: Attempt,
  release: ReleaseRecord,
  { ahead = null, answered = () => {} }: Asked = {},
): Promise<readonly Address[]> {
  const { signal, runtime } = attempt
  const { plan } = release
  const { health } = plan
  const { clock } = runtime
  const began = clock.monotonic()
  const port = health.port ?? plan.network.internalPort ?? 80
  const probed = health.enabled && health.type !== 'command' ? port : null
  const routed = usesProxy(plan) ? (plan.network.internalPort ?? 80) : null
  const early = await ahead?.found()
  let attempts = early?.attempts ?? 0
  let addresses = early?.addresses ?? []
  let known = early?.answered ?? null
  let counted = 0
  let processTold = false
  let seenAt = Number.NEGATIVE_INFINITY
  let state: RunningState = { state: 'unknown', instances: [] }
  const see = async (at: number | null, soon = false): Promise<Reach> => {
    seenAt = clock.monotonic()
    const [present, reached] = await look(attempt, at, soon, attempts)
    state = present
    if (state.state === 'running' && !processTold) {
      processTold = true
      record(attempt, 'process', { status: 'passed', attempts, evidence: pidsOf(state) })
    }
    return reached
  }
  const seeProbed = async () => {
    addresses = (await see(probed, true)).probe
  }
  for (;;) {
    signal.throwIfAborted()
    if (known === null) attempts++
    const inPeriod = clock.monotonic() - began < health.startPeriodSeconds * 1000
    if (!health.enabled) {
      answered()
      const { upstream } = await see(routed)
      const running = state.state === 'running'
      // Without a port nothing else tells that it works: it has to hold for the start period.
      if (running && (plan.network.exposure !== 'none' || !inPeriod)) {
        const evidence = [seen('health.enabled', false, 'profile')]
        record(attempt, 'health', { status: 'skipped', attempts: 0, evidence })
        return upstream
      }
      if (!running && clock.monotonic() - began > plan.timeouts.startSeconds * 1000)
        fail(attempt, 'process', 'start-failed', 'The process was not seen running.', attempts, [])
      await Promise.all([attempt.settle(), runtime.pause(exitMs, signal)])
      continue
    }
    let outcome = known
    known = null
    if (outcome === null) {
      const often = inPeriod && processTold && addresses.length > 0
      const looking = often && clock.monotonic() - seenAt < lookMs ? null : seeProbed()
      if (addresses.length === 0) await looking
      ;[outcome] = await Promise.all([probe(attempt, release, addresses), looking])
    }
    if (outcome.ok) {
      answered()
      // Sent after the answer: it sees an end that being asked has brought; and where the process is gone, somebody else may have answered on
      // its port. Nothing that was asked beside the probe could tell either.
      const { upstream } = await see(routed)
      if (state.state === 'running') {
        record(attempt, 'health', { status: 'passed', attempts, evidence: outcome.evidence })
        await warnOfDefault(attempt, release, outcome)
        return upstream
      }
    }
    if (!inPeriod) {
      counted++
      await giveUp(attempt, { outcome, state, port, attempts, last: counted >= health.retries })
    }
    if (inPeriod) await Promise.all([attempt.settle(), runtime.pause(pauseOf(clock.monotonic() - began), signal)])
    else {
      await attempt.settle()
      await pauseUnlessExited(attempt, health.intervalSeconds * 1000, attempts)
    }
  }
}

const pidsOf = ({ instances }: RunningState) => instances.map((one) => seen('pid', one.pid ?? one.id, 'process'))

/** How it runs and, at a port, where it answers; fails where it does not run. @param soon it is about to be asked there */
async function look(
  attempt: Attempt,
  port: number | null,
  soon: boolean,
  attempts: number,
): Promise<[RunningState, Reach]> {
  const { target, ref, signal } = attempt
  const reached = port === null ? { probe: [], upstream: [] } : target.reach(ref, port, { signal, soon })
  // Waited for below.
  if (reached instanceof Promise) reached.catch(() => undefined)
  const state = await inspected(attempt, attempts)
  return [state, await reached]
}

/** How it runs; fails where it does not. */
export async function inspected(attempt: Attempt, attempts: number): Promise<RunningState> {
  const state = await attempt.target.inspect(attempt.ref, { signal: attempt.signal })
  if (state.state === 'exited' || state.state === 'absent' || state.instances.some((one) => one.state === 'exited'))
    await exited(attempt, state, attempts)
  return state
}

async function pauseUnlessExited(attempt: Attempt, ms: number, attempts: number): Promise<void> {
  const { clock } = attempt.runtime
  const end = clock.monotonic() + ms
  for (let left = ms; left > 0; left = end - clock.monotonic()) {
    await attempt.runtime.pause(Math.min(left, exitMs), attempt.signal)
    await inspected(attempt, attempts)
  }
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
    ...lastLogs.slice(-5).map((line) => seen('log', line.slice(0, 500), 'log')),
  ]
  const { plan } = attempt.present
  const sign = gone?.outOfMemory || plan === null ? null : exitSign(plan, gone?.exitCode, lastLogs)
  const code = gone?.outOfMemory ? 'out-of-memory' : (sign?.code ?? 'process-exited')
  const details = {
    lastLogs,
    ...(gone?.exitCode === undefined ? {} : { exitCode: gone.exitCode }),
    ...(sign === null ? {} : { profileField: sign.field }),
  }
  return fail(attempt, 'process', code, `The process exited with ${how}.`, attempts, evidence, details, sign?.hint)
}

interface Missed {
  outcome: Outcome
  state: RunningState
  port: number
  attempts: number
  /** No further try. */
  last: boolean
}

/** Out of tries, or seen to listen elsewhere, which no further try would change. */
async function giveUp(attempt: Attempt, { outcome, state, port, attempts, last }: Missed): Promise<void> {
  const expected = state.instances.flatMap((one) => one.expectedPort ?? [])
  const listening = [...new Set(state.instances.flatMap((one) => one.listening ?? []))]
  const locally = [...new Set(state.instances.flatMap((one) => one.listeningLocally ?? []))]
  // A relay before the release may take a connection that nobody waits for: what is seen inside decides.
  const unheard = outcome.status === undefined && !outcome.ok && state.instances.some(isUnheard)
  const refused = outcome.refused === true || unheard
  const heard = [...listening, ...locally]
  const elsewhere = refused && heard.length > 0 && !listening.some((one) => expected.includes(one))
  if (!elsewhere && !last) return
  const lastLogs = await runtimeLogs(attempt)
  if (outcome.ok) {
    const evidence = [seen('process', state.state, 'process')]
    fail(attempt, 'process', 'start-failed', `It answers, and is ${state.state}.`, attempts, evidence, { lastLogs })
  }
  if (!refused) {
    const { code, message, evidence, sign } = outcome
    const details = { lastLogs, ...(sign ? { profileField: sign.field } : {}) }
    fail(attempt, 'health', code, message, attempts, evidence, details, sign?.hint)
  }
  const alone = locally.length > 0 ? `on ${locally.join(', ')} for itself alone (127.0.0.1): listen on 0.0.0.0` : ''
  const open = listening.length > 0 ? `on ${listening.join(', ')}` : ''
  const where = `it listens ${[open, alone].filter((one) => one !== '').join(', and ') || 'on no port'}`
  fail(
    attempt,
    'health',
    'port-not-listening',
    `Nothing answers on the release's port ${expected.join(', ') || port}; ${where}.`,
    attempts,
    [...outcome.evidence, seen('expected-port', expected, 'process'), seen('listening', listening, 'process')],
    { expected, listening, ...(locally.length > 0 ? { listeningLocally: locally } : {}), lastLogs },
    portHint(attempt, expected, listening, locally),
  )
}

/** Undefined: the code's own hint says it. */
function portHint(attempt: Attempt, expected: number[], listening: number[], locally: number[]): string | undefined {
  const internal = attempt.present.plan?.network.internalPort
  // Else it is a port that the target gave it by PORT.
  const fixed = internal !== undefined && expected.includes(internal)
  if (fixed && locally.includes(internal)) return `Let it listen on 0.0.0.0 at network.internalPort (${internal}).`
  const [other] = listening
  if (other !== undefined)
    return fixed ? `Set network.internalPort to ${other}, or let it listen on the port in PORT.` : undefined
  if (locally.length > 0) return undefined
  return 'Let it listen on the port in PORT, or on network.internalPort; give a slow start more time with health.startPeriodSeconds.'
}

const isUnheard = ({ expectedPort, listening }: RunningState['instances'][number]): boolean =>
  expectedPort !== undefined && listening !== undefined && !listening.includes(expectedPort)

async function warnOfDefault(attempt: Attempt, { plan }: ReleaseRecord, { status }: Outcome): Promise<void> {
  const { health } = plan
  if (!health.defaulted || health.type !== 'http' || status === undefined || (status >= 200 && status <= 299)) return
  const message = `No health check is defined, and / answered ${status}.`
  const fixPath = [{ action: 'Answer / with 200 when the application is well.' }]
  const overridePath = [
    { action: 'Set the path that tells whether it is well.', profileField: 'health.path', example: '/health' },
    { action: 'Or say that this answer is right.', profileField: 'health.expectedStatus', example: String(status) },
  ]
  await attempt.warn(reason('health-policy-defaulted', { phase: 'verify', message, fixPath, overridePath }))
}
