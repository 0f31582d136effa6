import { appendFile, mkdir, mkdtemp, readdir, readFile, rm, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { systemClock } from '../engine/clock.js'
import { processIdentity } from '../engine/liveness.js'
import { discardCopies, keptCopy, openSource } from './index.js'
import { sweep, temporaryFolder } from './temporary.js'

let base: string
let stateDir: string
beforeEach(async () => {
  base = await mkdtemp(join(tmpdir(), 'appaloft-copies-'))
  stateDir = join(base, 'state')
})
afterEach(() => rm(base, { recursive: true, force: true }))

const signal = () => AbortSignal.timeout(20_000)
const materialise = async (text: string) => {
  await mkdir(join(base, 'app'), { recursive: true })
  await writeFile(join(base, 'app', 'a.js'), text)
  const source = await openSource(
    { kind: 'local-folder', path: join(base, 'app') },
    { stateDir, clock: systemClock(), signal: signal() },
  )
  return { digest: source.identity.digest, path: await source.materialise({ signal: signal() }) }
}
const age = async (path: string, hours: number) => {
  const then = new Date(Date.now() - hours * 3_600_000)
  await utimes(path, then, then)
}
const place = (digest: string) => join(stateDir, 'sources', digest)
/** As if the machine had been started anew since. */
const reboot = async (digest: string) => {
  const card = join(place(digest), 'copy.json')
  const { bootId } = processIdentity()
  const text = await readFile(card, 'utf8')
  expect(text).toContain(bootId)
  await writeFile(card, text.replace(bootId, 'an-earlier-boot'))
}

describe('keptCopy', () => {
  it('finds a copy by its digest alone', async () => {
    const { digest, path } = await materialise('x')
    expect(await keptCopy(stateDir, digest)).toBe(path)
    expect(await keptCopy(stateDir, '0'.repeat(64))).toBeNull()
    expect(await keptCopy(join(base, 'nowhere'), digest)).toBeNull()
    for (const hostile of ['', '.', '..', '../sources', `../sources/${digest}`, digest.toUpperCase()]) {
      expect(await keptCopy(stateDir, hostile)).toBeNull()
    }
  })

  it('reads a copy once more after a reboot, and keeps a good one', async () => {
    const { digest, path } = await materialise('x')
    await reboot(digest)
    expect(await keptCopy(stateDir, digest)).toBe(path)
    expect(await readFile(join(place(digest), 'copy.json'), 'utf8')).toContain(processIdentity().bootId)
  })

  it('removes one that a power cut damaged, and the next one makes it anew', async () => {
    const { digest, path } = await materialise('x')
    await writeFile(join(path, 'a.js'), '')
    await reboot(digest)
    expect(await keptCopy(stateDir, digest)).toBeNull()
    expect(await readdir(join(stateDir, 'sources'))).toEqual([])
    expect(await readFile(join((await materialise('x')).path, 'a.js'), 'utf8')).toBe('x')
  })

  it('does not take a folder without a card for a copy', async () => {
    const { digest, path } = await materialise('x')
    await rm(join(place(digest), 'copy.json'))
    expect(await keptCopy(stateDir, digest)).toBeNull()
    expect((await materialise('x')).path).toBe(path)
    expect(await keptCopy(stateDir, digest)).toBe(path)
  })
})

describe('discardCopies', () => {
  it('removes what nobody keeps and nobody used for an hour', async () => {
    const kept = await materialise('kept')
    const old = await materialise('old')
    const fresh = await materialise('fresh')
    const used = await materialise('used')
    for (const { digest } of [kept, old, used]) await age(place(digest), 2)
    expect(await keptCopy(stateDir, used.digest)).not.toBeNull()
    await discardCopies(stateDir, new Set([kept.digest]))
    expect((await readdir(join(stateDir, 'sources'))).sort()).toEqual([kept.digest, fresh.digest, used.digest].sort())
  })

  it('touches nothing that is not ours, and needs no folder', async () => {
    await discardCopies(stateDir, new Set())
    await mkdir(join(stateDir, 'sources', 'mine'), { recursive: true })
    await age(join(stateDir, 'sources', 'mine'), 2)
    await discardCopies(stateDir, new Set())
    expect(await readdir(join(stateDir, 'sources'))).toEqual(['mine'])
  })

  it('prunes caches that nobody uses', async () => {
    await materialise('x')
    const folder = join(stateDir, 'cache', 'stat')
    await mkdir(folder, { recursive: true })
    await writeFile(join(folder, 'old.json'), '')
    await writeFile(join(folder, 'new.json'), '')
    await age(join(folder, 'old.json'), 31 * 24)
    await discardCopies(stateDir, new Set())
    expect(await readdir(folder)).toEqual(['new.json'])
  })
})

describe('temporary folders', () => {
  it('of dead processes are removed, of living ones kept', async () => {
    const mine = await temporaryFolder(stateDir, 'git')
    const dead = mine.replace(`-${process.pid}-`, '-4194304-')
    const reused = mine.replace(/-\d+(-[0-9a-f]+)$/, '-1$1')
    const elsewhere = dead.replace(/\.tmp-[0-9a-f]+-/, '.tmp-00000000000000000000000000000000-')
    const old = `${elsewhere}-old`
    for (const path of [dead, reused, elsewhere, old]) {
      await mkdir(path)
      await appendFile(join(path, 'key'), 'x')
    }
    await age(old, 26)
    await sweep(stateDir, 'git')
    expect((await readdir(join(stateDir, 'git'))).map((name) => join(stateDir, 'git', name)).sort()).toEqual(
      [mine, elsewhere].sort(),
    )
  })
})
