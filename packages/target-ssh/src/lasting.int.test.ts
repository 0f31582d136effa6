import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { closing, env, failure, gone, living, nap } from '../test/helpers.js'
import { descendants, haveSshd, type Sshd, startSshd, withoutSshd } from '../test/sshd.js'
import { wireTo } from '../test/wire.js'
import { lasting } from './lifeline.js'

const relay = join(import.meta.dirname, '../test/relay.mjs')

describe.skipIf(!haveSshd)(`a machine that comes and goes ${withoutSshd}`, () => {
  let sshd: Sshd
  beforeAll(async () => {
    sshd = await startSshd()
  })
  afterAll(() => sshd.close())

  it('ends what runs there when the connection is cut, tells so, and is there again', async () => {
    const wire = await wireTo(sshd.port)
    onTestFinished(() => wire.close())
    const host = closing(sshd.host('plain', { port: wire.port }))
    const seconds = nap()
    const cut = failure(host.exec(['sleep', seconds], { env }))
    await expect.poll(() => living(seconds).length, { timeout: 10_000 }).toBeGreaterThan(0)
    wire.cut()
    expect(await cut).toMatchObject({ code: 'runtime-backend-unavailable', details: { reason: 'connection-lost' } })
    await gone(seconds)
    expect(await host.exec(['echo', 'again'])).toMatchObject({ stdout: 'again\n' })
    expect(wire.made()).toBe(2)
  })

  it('keeps forwards at their address over a new connection', async () => {
    const wire = await wireTo(sshd.port)
    onTestFinished(() => wire.close())
    const host = closing(sshd.host('plain', { port: wire.port }))
    const { address } = await host.forward({ kind: 'tcp', host: '127.0.0.1', port: sshd.port })
    const path = address.kind === 'unix' ? address.path : ''
    const banner = () =>
      new Promise<string>((resolve) => {
        const socket = connect(path)
        socket.once('data', (chunk: Buffer) => {
          resolve(chunk.toString().slice(0, 4))
          socket.destroy()
        })
        socket.once('error', () => resolve('refused'))
        socket.once('end', () => resolve('ended'))
      })
    expect(await banner()).toBe('SSH-')
    wire.cut()
    await expect.poll(banner, { timeout: 15_000, interval: 200 }).toBe('SSH-')
    expect(wire.made()).toBe(2)
  })

  it('gives up a server that stands still, and tells so', async () => {
    const wire = await wireTo(sshd.port)
    onTestFinished(() => wire.close())
    const host = closing(sshd.host('plain', { port: wire.port }))
    await host.exec(['true'])
    wire.freeze()
    const error = await failure(host.exec(['true'], { env }))
    expect(error).toMatchObject({ code: 'runtime-backend-unavailable', details: { reason: 'connection-lost' } })
    wire.thaw()
    expect(await host.exec(['echo', 'again'])).toMatchObject({ stdout: 'again\n' })
  })

  it('gives up a server that was stopped before it answered', async () => {
    const own = await startSshd()
    onTestFinished(() => own.close())
    const pids = descendants(own.pid)
    for (const pid of pids) process.kill(pid, 'SIGSTOP')
    const host = closing(own.host('plain', { connectTimeoutSeconds: 2 }))
    const error = await failure(host.exec(['true']))
    for (const pid of pids) process.kill(pid, 'SIGCONT')
    expect(error).toMatchObject({ code: 'runtime-backend-unavailable', details: { reason: 'timed-out' } })
    expect(error).toHaveProperty('recoveryHint', expect.stringContaining('runs'))
  })

  it('does with two sessions, and says what to do with one', async () => {
    const two = await startSshd({ config: ['MaxSessions 2'] })
    onTestFinished(() => two.close())
    const host = closing(two.host())
    const all = Array.from({ length: 6 }, (_, at) =>
      host.exec(['sh', '-c', 'sleep 0.1; echo "$1"', 'sh', `${at}`], { env }),
    )
    expect((await Promise.all(all)).map(({ stdout }) => Number(stdout))).toEqual([0, 1, 2, 3, 4, 5])
    const aborting = new AbortController()
    const seconds = nap()
    const aborted = failure(host.exec(['sleep', seconds], { env, signal: aborting.signal }))
    await expect.poll(() => living(seconds).length, { timeout: 10_000 }).toBeGreaterThan(0)
    aborting.abort(new Error('enough'))
    expect(await aborted).toHaveProperty('message', 'enough')
    await gone(seconds)

    const one = await startSshd({ config: ['MaxSessions 1'] })
    onTestFinished(() => one.close())
    const error = await failure(closing(one.host()).exec(['true']))
    expect(error).toHaveProperty('recoveryHint', expect.stringContaining('MaxSessions'))
  })

  it.each([2, 3, 4])('makes nobody wait for a session that waits, with %i sessions', async (most) => {
    const own = await startSshd({ config: [`MaxSessions ${most}`] })
    onTestFinished(() => own.close())
    const host = closing(own.host())
    const echo = async (text: number) => Number((await host.exec(['echo', `${text}`], { env })).stdout)
    await host.forward({ kind: 'tcp', host: '127.0.0.1', port: own.port })
    for (const together of [1, 4, 1, 2, 3])
      expect(await Promise.all(Array.from({ length: together }, (_, at) => echo(at)))).toEqual(
        Array.from({ length: together }, (_, at) => at),
      )
    for (const text of [7, 8, 9]) expect(await echo(text)).toBe(text)
  })

  it('tells a full disk, and leaves nothing of the upload on it', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'appaloft-large-'))
    onTestFinished(() => rm(folder, { recursive: true }))
    await writeFile(join(folder, 'large'), randomBytes(2 * 1024 * 1024))
    const host = closing(sshd.host())
    for (const from of [folder, join(folder, 'large')])
      expect(await failure(host.upload(from, join(sshd.full, 'large')))).toMatchObject({ code: 'disk-full' })
    expect((await host.exec(['ls', '-A', sshd.full], { env })).stdout).toBe('')
    expect((await host.exec(['sh', '-c', 'echo works'], { env, cwd: sshd.full })).stdout).toBe('works\n')
  })

  it('works over a long way: 50 ms there and 50 ms back', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'appaloft-far-'))
    onTestFinished(() => rm(folder, { recursive: true }))
    const config = join(folder, 'config')
    await writeFile(config, `ProxyCommand ${process.execPath} ${relay} ${sshd.port} 50\n`)
    const host = closing(sshd.host('plain', { configFile: config }))
    expect(await host.exec(['echo', 'far'])).toMatchObject({ stdout: 'far\n' })
    await writeFile(join(folder, 'file'), 'uploaded')
    await host.upload(join(folder, 'file'), join(folder, 'there'))
    expect(readFileSync(join(folder, 'there'), 'utf8')).toBe('uploaded')
  })

  it('ends with the process that made it, and leaves nothing there when that is killed', async () => {
    const host = closing(sshd.host())
    const seconds = nap()
    const { stdout } = await host.exec(['sh', '-c', 'ls -d /dev/shm/appaloft.* | wc -l'], { env })
    const before = Number(stdout)
    const program = `
      import { sshHost } from ${JSON.stringify(join(import.meta.dirname, '../dist/index.js'))}
      const host = sshHost(${JSON.stringify(sshd.options())})
      host.exec(['sleep', ${JSON.stringify(seconds)}], { env: ${JSON.stringify(env)} })`
    if (!existsSync(join(import.meta.dirname, '../dist/index.js'))) throw new Error('run npm run build first')
    const child = spawn(process.execPath, ['--input-type=module', '-e', program], { stdio: 'inherit' })
    await expect.poll(() => living(`sleep\0${seconds}`).length, { timeout: 40_000 }).toBeGreaterThan(0)
    child.kill('SIGKILL')
    await gone(seconds)
    await expect
      .poll(async () => Number((await host.exec(['sh', '-c', 'ls -d /dev/shm/appaloft.* | wc -l'], { env })).stdout))
      .toBe(before)
  })

  it('tells the truth when it is cut at any point', { timeout: 600_000 }, async () => {
    const wire = await wireTo(sshd.port)
    onTestFinished(() => wire.close())
    const folder = await mkdtemp(join(tmpdir(), 'appaloft-cut-'))
    onTestFinished(() => rm(folder, { recursive: true, force: true }))
    const host = closing(sshd.host('plain', { port: wire.port }))
    const count = process.env.APPALOFT_SOAK === '1' ? 200 : 8
    let failed = 0
    for (let at = 0; at < count; at += 1) {
      const file = join(folder, String(at))
      wire.cutAfter(1 + (randomBytes(4).readUInt32BE() % 9_000))
      const result = await host
        .exec(['sh', '-c', 'cat >/dev/null; echo once >> "$1"; echo done', 'sh', file], {
          env,
          input: 'x'.repeat(2_000),
        })
        .catch((error: unknown) => error)
      wire.cutAfter(Number.POSITIVE_INFINITY)
      if (result instanceof Error) {
        expect(result).toMatchObject({ code: 'runtime-backend-unavailable' })
        failed += 1
      } else expect(result).toMatchObject({ exitCode: 0, stdout: 'done\n' })
      // What has come through may be followed by the cut at once: looking twice is no harm.
      const look = () => host.exec(['sh', '-c', 'cat "$1" || true', 'sh', file], { env })
      const done = (await lasting(host, undefined, look)).stdout
      // Told as done means done; told as failed may be either, but never twice.
      expect(result instanceof Error ? ['', 'once\n'] : ['once\n']).toContain(done)
    }
    expect(failed).toBeGreaterThan(0)
  })
})
