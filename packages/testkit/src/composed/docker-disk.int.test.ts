import { statfsSync, writeFileSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { ChaosScene, needsOwn, type OwnEngine, ownEngine, parts, type Users } from '../../test/chaos/scene.js'

// A Docker Engine whose disk is full: one of the test's own, on a small file system of its own.

const mebibyte = 1024 * 1024
let engine: OwnEngine | undefined
let scene: ChaosScene | undefined
let users: Users | undefined
let why = ''

const data = () => join(engine?.folder ?? '', 'data')
const freeMiB = (): number => {
  const { bavail, bsize } = statfsSync(data())
  return Math.floor((bavail * bsize) / mebibyte)
}
let ballasts = 0
/** Leaves so much of the disk free, as something of somebody else's would. */
function fill(leftMiB: number): void {
  const chunk = Buffer.alloc(mebibyte)
  try {
    while (freeMiB() > leftMiB) writeFileSync(join(data(), `ballast-${ballasts++}`), chunk)
    // The last blocks, where none shall be left.
    if (leftMiB === 0) for (;;) writeFileSync(join(data(), `ballast-${ballasts++}`), chunk.subarray(0, 4096))
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error
  }
}
async function free(): Promise<void> {
  for (; ballasts > 0; ballasts--) await rm(join(data(), `ballast-${ballasts - 1}`), { force: true })
}

describe.skipIf(parts === undefined)(`an engine whose disk is full (${needsOwn})`, () => {
  beforeAll(async () => {
    try {
      engine = await ownEngine({ diskMiB: 800 })
    } catch (error) {
      why = `there is no disk for it: ${error instanceof Error ? error.message : String(error)}`
      return
    }
    scene = await ChaosScene.open(engine)
    expect(await scene.deploy({ text: 'first' })).toMatchObject({ status: 'succeeded' })
    users = scene.users()
  }, 120_000)
  afterAll(async () => {
    await users?.stop()
    await scene?.close()
    await engine?.close()
  }, 60_000)

  /** All that users got meanwhile came from the release that was live. */
  const onlyBy = (text: string) => {
    expect(Object.keys(users!.counts)).toEqual([text])
    expect(users!.counts[text]).toBeGreaterThan(0)
  }

  it('is told before anything is fetched, and what to do', async ({ skip }) => {
    if (scene === undefined) return skip(why)
    users!.begin()
    fill(40)
    const { status, failure, rollback } = await scene.deploy({ text: 'second' })
    expect([status, failure?.code, failure?.step, rollback?.outcome]).toEqual([
      'failed',
      'disk-full',
      'build',
      'restored',
    ])
    expect(failure?.message).toMatch(/has \d+ MiB left/)
    expect(failure?.recoveryHint).toMatch(/Free space, or lower retention/)
    onlyBy('first')
    await free()
  }, 60_000)

  it('is told of a build that fills it, whose remains go', async ({ skip }) => {
    if (scene === undefined) return skip(why)
    users!.begin()
    fill(150)
    const images = scene.docker('images', '--all', '--quiet')
    const { status, failure, rollback } = await scene.deploy({
      text: 'second',
      steps: 'RUN dd if=/dev/zero of=/big bs=1M count=4000\n',
    })
    expect([status, failure?.code, rollback?.outcome], failure?.message).toEqual(['failed', 'disk-full', 'restored'])
    expect(scene.docker('images', '--all', '--quiet')).toEqual(images)
    onlyBy('first')
    await free()
  }, 60_000)

  it('is told of a release that cannot be started on it, and the live one stays', async ({ skip }) => {
    if (scene === undefined) return skip(why)
    const second = await scene.deploy({ text: 'second' })
    expect(second).toMatchObject({ status: 'succeeded' })
    users!.begin()
    fill(0)
    const back = await (await scene.appaloft.deployments.rollback('res_web')).done
    expect([back.status, back.failure?.code], back.failure?.message).toEqual(['failed', 'disk-full'])
    // Not even the fence fits on it: nothing was touched.
    expect([back.failure?.step, back.rollback?.outcome]).toEqual(['fence', 'restored'])
    onlyBy('second')
    await free()
    await scene.agrees(back, { [second.id]: 'second' })
    const third = await scene.deploy({ text: 'third' })
    expect(third).toMatchObject({ status: 'succeeded' })
    await scene.agrees(third, { [third.id]: 'third' })
  }, 120_000)
})
