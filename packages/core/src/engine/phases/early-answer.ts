import { canonicalJson } from '../../spec/json.js'
import type { ReleaseRecord } from '../../spec/release.js'
import type { Attempt } from '../attempt.js'
import { type Answer, askRoute, type Endpoint, hostnamesOf, type Known } from './ask-route.js'

/** Nearer than this, an answer is not worth asking for early. Milliseconds. */
const worthwhileMs = 30

/** An answer as users get it that tells of this attempt, and where it was asked for; null: there was none in time. */
export type EarlyAnswer = Promise<{ answer: Answer; at: Awaited<Endpoint> } | null>

/**
 * While a machine that is far away is asked to promote, its route is asked as users ask it, without the token: so only what is live answers,
 * and an answer that tells of this attempt was given after the promotion, whenever it was sent. Asked for in time, it comes with the promotion's
 * own, and access need not begin with a way there and back. Never rejects.
 *
 * @param askedMs how long an answer on the route took a moment ago
 */
export async function askEarly(
  attempt: Attempt,
  release: ReleaseRecord,
  { known, askedMs = 0 }: { known?: Known | undefined; askedMs?: number | undefined },
  promoted: Promise<unknown>,
): EarlyAnswer {
  const { runtime, target } = attempt
  const { redirectTo, pathPrefix } = release.plan.access
  const far = target.address !== undefined && askedMs >= worthwhileMs
  // Elsewhere only the token tells whose an answer is, and it leads to a candidate, too.
  if (!far || runtime.identity !== 'always' || redirectTo !== undefined) return null
  const over = new AbortController()
  const { signal } = over
  let isPromoted = false
  const [hostname = null] = hostnamesOf(release)
  const ask = async (ms: number) => {
    await runtime.pause(ms, signal)
    const at = await known
    if (at === undefined || isPromoted) throw new Error('too late')
    const answer = await askRoute(attempt, hostname, pathPrefix, Promise.resolve(at), { token: false, signal })
    if (answer.identity === attempt.id && answer.status < 500) return { answer, at }
    throw new Error('of another')
  }
  // One that went to the former release may take as long as that does: nobody waits for it longer than another question takes.
  const late = promoted
    .finally(() => {
      isPromoted = true
    })
    .then(() => runtime.pause(askedMs, signal))
  // A machine takes some time for the change: the second comes after most of it.
  const first = Promise.any([askedMs / 3, (2 * askedMs) / 3].map(ask))
  return await Promise.race([first, late.then(() => null)])
    .catch(() => null)
    .finally(() => over.abort())
}

/** The early answer, unless there was none or the proxy serves elsewhere by now: then what access asks by itself. */
export async function unlessEarly(
  early: EarlyAnswer,
  present: Endpoint,
  usual: () => Promise<Answer>,
): Promise<Answer> {
  const found = await early
  const now = found === null ? null : await present.catch(() => null)
  const same = found !== null && now !== null && canonicalJson(now.address) === canonicalJson(found.at.address)
  return same ? found.answer : await usual()
}
