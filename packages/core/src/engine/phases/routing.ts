import type { ErrorCode } from '../../spec/codes.js'
import { AppaloftError } from '../../spec/errors.js'
import { identityHeader, verifyHeader } from '../../spec/proxy.js'
import { type Evidence, reason } from '../../spec/reasons.js'
import type { ReleaseRecord } from '../../spec/release.js'
import type { Attempt } from '../attempt.js'
import { isLost } from '../errors.js'
import { proxyOf, verifyToken } from '../routes.js'
import { within } from '../timing.js'
import { type Answer, askRoute, type Endpoint, endpointOf, hostnamesOf } from './ask-route.js'
import { type EarlyAnswer, unlessEarly } from './early-answer.js'
import { inspected } from './health.js'
import { fail, record, seen } from './observed.js'
import { askedAndInspected, askServing } from './serving.js'

const reasonOf = (error: unknown): string =>
  (error as NodeJS.ErrnoException).code ?? (error instanceof Error ? error.message : String(error))

/** Users get that answer too, and so does whoever waits for an attempt that is brought to its end by another engine. */
const wrongAnswerMs = 1_000

const gatewayErrors = [502, 503, 504]

/** What is wrong with an answer; null: nothing. */
function objection(
  name: 'route' | 'access',
  { id }: Attempt,
  { redirectTo }: ReleaseRecord['plan']['access'],
  { status, identity }: Answer,
): { code: ErrorCode; message: string } | null {
  // The proxy tells whose upstream failed, too: that is no answer of it.
  if (name === 'route' && gatewayErrors.includes(status))
    return { code: 'route-not-served', message: `answered ${status}` }
  const redirect = redirectTo !== undefined && status >= 300 && status < 400
  if (identity !== id && !(redirect && name === 'route'))
    return {
      code: 'route-identity-mismatch',
      message: `was answered by ${identity ?? 'something without an identity'}`,
    }
  if (name === 'access' && status >= 500) return { code: 'access-status-unexpected', message: `answered ${status}` }
  return null
}

interface Asking {
  name: 'route' | 'access'
  patienceMs: number
  /** Where the proxy was asked for it already: taken for the first try. */
  endpoint?: Endpoint | undefined
  /** What each was asked already: its first try. */
  asked?: readonly Promise<Answer>[] | undefined
  /** Where it served before the promotion: `access` asks there without waiting for the other. */
  known?: Promise<Awaited<Endpoint> | undefined> | undefined
  /** What the first was asked while the promotion was under way. */
  early?: EarlyAnswer | undefined
}

/** For access, what comes behind the first hostname is asked together with it. */
const askBeside = (attempt: Attempt, release: ReleaseRecord, present: Endpoint, known: Asking['known']) =>
  hostnamesOf(release).map((hostname, index) => {
    if (index === 0) return undefined
    const ask = (at: Endpoint) => askRoute(attempt, hostname, release.plan.access.pathPrefix, at)
    const asked = askServing(ask, known, present)
    // Waited for in its turn.
    asked.catch(() => undefined)
    return asked
  })

/** @returns how often they were asked */
export async function checkRoutes(
  attempt: Attempt,
  release: ReleaseRecord,
  { name, patienceMs, endpoint, asked, known, early }: Asking,
): Promise<number> {
  const { access } = release.plan
  const { clock, pause } = attempt.runtime
  const began = clock.monotonic()
  const evidence: Evidence[] = []
  const first = asked ?? (endpoint === undefined ? [] : askBeside(attempt, release, endpoint, known))
  let attempts = 0
  for (const [index, hostname] of hostnamesOf(release).entries()) {
    let before = first[index]
    for (;;) {
      attempts++
      if (name === 'route') attempt.signal.throwIfAborted()
      const at = `${hostname ?? 'own port'}${access.pathPrefix}`
      try {
        const ask = (at = endpointOf(attempt)) => askRoute(attempt, hostname, access.pathPrefix, at)
        const told = attempts === 1 ? endpoint : undefined
        // Once: where it failed, it is asked anew.
        const given = before
        before = undefined
        const asking = () =>
          given ??
          (name === 'route'
            ? ask(told)
            : askedAndInspected(attempt, attempts, askServing(ask, known, told ?? endpointOf(attempt))))
        const answer = await (early && told ? unlessEarly(early, told, asking) : asking())
        const wrong = objection(name, attempt, access, answer)
        const fact = seen(at, { status: answer.status, identity: answer.identity ?? null })
        if (wrong === null) evidence.push(fact)
        if (wrong === null) break
        // An exit ends the wait at once.
        if (name === 'route') await inspected(attempt, attempts)
        const patience = wrong.code === 'route-not-served' ? patienceMs : Math.min(patienceMs, wrongAnswerMs)
        if (clock.monotonic() - began > patience)
          fail(attempt, name, wrong.code, `${at} ${wrong.message}.`, attempts, [...evidence, fact])
      } catch (error) {
        if (AppaloftError.isInstance(error) && error.phase === 'verify') throw error
        attempt.signal.throwIfAborted()
        if (isLost(error)) throw error
        const why = reasonOf(error)
        if (clock.monotonic() - began > patienceMs) {
          fail(
            attempt,
            name,
            name === 'route' ? 'route-not-served' : 'access-unreachable',
            `${at} does not answer (${why}).`,
            attempts,
            [...evidence, seen(at, why)],
            {},
            // It may be neither of the two, but what they run on.
            AppaloftError.isInstance(error) ? error.recoveryHint : undefined,
          )
        }
      }
      await Promise.all([attempt.settle(), pause(attempts < 10 ? 10 : 100)])
    }
  }
  record(attempt, name, { status: 'passed', attempts, evidence })
  return attempts
}

const listenerMs = 10_000

/** With exposure `direct-port`: the release's own listener accepts a connection. */
export async function checkHostPort(attempt: Attempt, { plan }: ReleaseRecord): Promise<void> {
  const { clock, pause, prober } = attempt.runtime
  const { hostPort, internalPort } = plan.network
  const began = clock.monotonic()
  for (let attempts = 1; ; attempts++) {
    let why = 'its address is not known'
    try {
      const { probe } = await attempt.target.reach(attempt.ref, internalPort ?? 80)
      for (const address of probe) await prober.dial(address, { timeoutMs: 5000, signal: attempt.signal })
      await inspected(attempt, attempts)
      if (probe.length > 0)
        return record(attempt, 'access', {
          status: 'passed',
          attempts,
          evidence: [seen('host-port', hostPort ?? null)],
        })
    } catch (error) {
      if (AppaloftError.isInstance(error) && error.phase === 'verify') throw error
      attempt.signal.throwIfAborted()
      if (isLost(error)) throw error
      why = reasonOf(error)
    }
    if (clock.monotonic() - began > listenerMs) {
      const message = `The host port ${hostPort} does not answer (${why}).`
      fail(attempt, 'access', 'access-unreachable', message, attempts, [seen('host-port', why)])
    }
    await pause(100)
  }
}

/** The public address is evidence; it decides only where the profile asks for it. */
export async function askPublicly(attempt: Attempt, release: ReleaseRecord, endpoint?: Endpoint): Promise<void> {
  const { access } = release.plan
  const { clock, prober } = attempt.runtime
  const asked = access.hostnames.filter(
    (one) => !one.startsWith('*.') && one !== 'localhost' && !one.endsWith('.localhost'),
  )
  if (asked.length === 0) return
  const present = () => proxyOf(attempt.target).endpoint(attempt.record.resourceId)
  const { publicPort } = await (endpoint?.catch(present) ?? present())
  const ask = async (hostname: string): Promise<string> => {
    try {
      const host = await within(clock, 2000, () => prober.lookup(hostname))
      const token = await verifyToken(attempt.runtime, attempt.ref)
      const answer = await prober.request(
        { kind: 'tcp', host, port: publicPort },
        { path: access.pathPrefix, headers: { host: hostname, [verifyHeader]: token }, timeoutMs: 2000 },
      )
      return answer.headers[identityHeader] === attempt.id ? '' : `${hostname} leads elsewhere.`
    } catch (error) {
      return `${hostname} cannot be reached publicly (${(error as NodeJS.ErrnoException).code ?? String(error)}).`
    }
  }
  const told = await Promise.all(asked.map(async (hostname) => ({ hostname, message: await ask(hostname) })))
  for (const { hostname, message } of told) {
    if (message === '') continue
    if (access.requirePublic) fail(attempt, 'access', 'access-unreachable', message, 1, [seen(hostname, message)])
    await attempt.warn(reason('dns-not-pointing', { phase: 'verify', message }))
  }
}
