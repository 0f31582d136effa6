import { setTimeout as sleep } from 'node:timers/promises'
import { allErrorCodes, type ErrorCode } from '@appaloft/core/spec'
import fc from 'fast-check'
import { statusOf } from '../src/index.js'
import { type Shot, shots } from './fuzz/shots.js'
import type { Scene } from './scene.js'

/** The text, or its beginning where the answer does not end by itself. */
async function beginning(answer: Response): Promise<string> {
  if (answer.body === null) return ''
  const reader = answer.body.getReader()
  let said = ''
  for (;;) {
    const part = await Promise.race([reader.read(), sleep(30, null, { ref: false })])
    if (part === null) {
      await reader.cancel()
      return said
    }
    if (part.done) return said
    said += Buffer.from(part.value).toString('utf8')
  }
}

/** Fires, and throws where the answer is not one that a client may get. */
export async function fire(scene: Scene, shot: Shot, handler = scene.handler): Promise<number> {
  let request: Request
  try {
    const headers = new Headers()
    for (const [name, value] of shot.headers) headers.set(name, value)
    request = new Request(`http://localhost${shot.path}`, { method: shot.method, headers, body: shot.body })
  } catch {
    // Nobody can send this.
    return 0
  }
  const answer = await handler(request)
  const said = await beginning(answer)
  const { status } = answer
  if (said.includes(scene.root)) throw new Error(`${status} tells where the machine keeps its files: ${said}`)
  if (status < 400) return status
  if (answer.headers.get('content-type') !== 'application/problem+json')
    throw new Error(`${status} is no problem response`)
  if (shot.method === 'HEAD') return status
  const { code } = JSON.parse(said) as { code: ErrorCode }
  if (status === 500 || !allErrorCodes.includes(code) || statusOf(code) !== status)
    throw new Error(`${status}: ${said}`)
  return status
}

/** So many requests at a server that has attempts of every kind. Answers how often each status came. */
export async function bombard(scene: Scene, count: number, seed: number): Promise<Map<number, number>> {
  const attempts = []
  for (const start of ['serve', 'serve status=500', 'serve text=two', 'serve exit-after=0'])
    attempts.push(await scene.deployed(start))
  const ids = attempts.map((one) => one.id)
  const releases = attempts.flatMap((one) => one.release?.id ?? [])
  const told: unknown[] = []
  const handler = scene.handle({
    authorize: () => ({ allow: true }),
    allowSources: ['local-folder', 'compose-file', 'archive', 'docker-image'],
    sourceRoots: [scene.root],
    maxBodyBytes: 16_384,
    onError: (error) => told.push(error),
  })
  const statuses = new Map<number, number>()
  let fired = 0
  await fc.assert(
    fc.asyncProperty(shots(scene, ids, releases), async (shot) => {
      // Some of them take it away.
      if (fired++ % 25 === 0) await scene.engine.resources.define(scene.definition())
      const status = await fire(scene, shot, handler)
      statuses.set(status, (statuses.get(status) ?? 0) + 1)
      if (told.length > 0) throw new Error('the server was at fault', { cause: told.splice(0) })
    }),
    { numRuns: count, seed, endOnFailure: true },
  )
  return statuses
}

export const shown = (statuses: Map<number, number>): string =>
  [...statuses]
    .sort(([a], [b]) => a - b)
    .map((one) => one.join(': '))
    .join(', ')

/** Another one each time; `APPALOFT_FUZZ_SEED` repeats a run. */
export const freshSeed = (): number => Number(process.env.APPALOFT_FUZZ_SEED ?? Math.floor(Math.random() * 2 ** 31))
