import { setTimeout as sleep } from 'node:timers/promises'
import { numbers } from '../encoders.js'
import type { MachineScene } from './scene.js'

/**
 * A deployment whose connection is cut so many times: at places of the stream, or at moments. Answers how it ended, and what is not so of
 * what is said of it.
 */
export async function cutDeployment(
  scene: MachineScene,
  { seed, index, cuts }: { seed: number; index: number; cuts: number },
) {
  const next = numbers(seed * 10_000 + index)
  const { wire } = scene
  const { bytes, milliseconds } = scene.usual
  const kind = index % 2 === 0 ? 'bytes' : 'moments'
  const points = Array.from({ length: cuts }, () => next()).sort((a, b) => a - b)
  const ended = new AbortController()
  const began = wire.bytes()
  let made = 0
  const cutting = async () => {
    let at = 0
    for (const point of points) {
      if (kind === 'moments') await sleep((point - at) * milliseconds, undefined, { signal: ended.signal })
      else while (wire.bytes() - began < point * bytes) await sleep(1, undefined, { signal: ended.signal })
      at = point
      wire.cut()
      made += 1
    }
  }
  let busy: Promise<void> | undefined
  const before = wire.made()
  const attempt = await scene.deploy(`release-${index}`, () => {
    busy = cutting().catch(() => undefined)
  })
  ended.abort()
  await busy
  const connections = wire.made() - before
  const status = await scene.agrees(attempt)
  return { kind, made, connections, status }
}
