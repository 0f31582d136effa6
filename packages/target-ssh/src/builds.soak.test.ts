import { randomBytes } from 'node:crypto'
import { rm } from 'node:fs/promises'
import { createServer, request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { nodeSamples } from '@appaloft/testkit'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { nodeImage } from '../../target-docker/test/engine.js'
import { buildScene, type Sample, sampleApp } from '../test/builds.js'
import { type FarMachine, farMachine, farMachines, haveMachines, withoutMachines } from '../test/engines.js'
import { failure } from '../test/helpers.js'

const mega = 1_000_000
const scratch = (bytes: number, from = 'scratch'): Sample => ({
  ...sampleApp('large'),
  files: { Dockerfile: `FROM ${from}\nCOPY stays /stays\n`, stays: randomBytes(bytes) },
})
const words = ({ logs }: { logs: { text: string }[] }) => logs.map(({ text }) => text).join('\n')

describe.skipIf(!haveMachines)(
  `builds for machines, made here, at length ${haveMachines ? '' : withoutMachines}`,
  () => {
    let machine: FarMachine
    beforeAll(async () => {
      machine = await farMachine()
    }, 60_000)
    afterAll(() => machine?.close(), 60_000)

    it('a workspace and a static site', { timeout: 300_000 }, async () => {
      const scene = await buildScene(machine, {
        build: 'local',
        siteImage: 'caddy:2-alpine',
        baseImage: () => nodeImage,
      })
      onTestFinished(scene.close)
      const { artifact, files, start } = nodeSamples.server('workspace')
      const plan = { commands: { start: { command: start ?? [], from: 'profile' as const } } }
      const workspace = await scene.upload(await scene.build({ artifact, files, plan }))
      expect(await scene.answer(workspace)).toBe('workspace')
      const site = await scene.upload(await scene.build(nodeSamples.site({ 'public/index.html': 'site' })))
      expect(await scene.answer(site)).toBe('site')
      for (const one of [workspace, site]) {
        await scene.target.remove(one.input, 1)
        await scene.target.discard(one.release, 1, { retained: [] })
      }
      expect(scene.names()).toEqual({ far: [], here: [] })
    })

    it('is built once for several machines', { timeout: 120_000 }, async () => {
      const others = await farMachines(2)
      onTestFinished(async () => void (await Promise.all(others.map((one) => one.close()))))
      const scene = await buildScene(machine, { build: 'local' })
      onTestFinished(scene.close)
      const app = sampleApp('everywhere', randomBytes(mega))
      const first = await scene.upload(await scene.build(app))
      for (const [at, { sshd, socket }] of others.entries()) {
        const target = await scene.again({ key: `machine-${at}`, host: sshd.options(), socket })
        const made = await scene.build(app, {}, target)
        expect(made).toMatchObject({ cached: true, release: { artifact: { image: first.release.artifact.image } } })
        await scene.upload(made, {}, target)
        expect(words(made)).toContain('all 3 layers')
      }
      // What one lets go here, the others have still.
      expect(scene.names().here.length).toBe(3)
      await scene.target.discard(first.release, 1, { retained: [] })
      expect(scene.names()).toMatchObject({ far: [], here: { length: 2 } })
    })

    it('a full disk is told, and leaves nothing', { timeout: 120_000 }, async () => {
      const small = await farMachine({ diskMiB: 48 })
      onTestFinished(small.close)
      const scene = await buildScene(small, { build: 'local' })
      onTestFinished(scene.close)
      const made = await scene.build(scratch(60 * mega))
      expect(await failure(scene.upload(made))).toMatchObject({ code: 'disk-full' })
      expect(scene.names().far).toEqual([])
      await scene.upload(await scene.build(scratch(4 * mega)))
      expect(scene.names().far.length).toBe(1)
    })

    it('an upload that is cut at any point is told truthfully, and nothing half of it is there', {
      timeout: 600_000,
    }, async () => {
      const scene = await buildScene(machine, { build: 'local' })
      onTestFinished(scene.close)
      let cut = 0
      for (let at = 0; at < 30; at += 1) {
        const made = await scene.build(scratch(3 * mega))
        const name = String(made.release.artifact.name)
        scene.wire.cutAfter(1 + (randomBytes(4).readUInt32BE() % (3.2 * mega)))
        const error: unknown = await scene.upload(made).then(
          () => null,
          (reason: unknown) => reason,
        )
        scene.wire.cutAfter(Number.POSITIVE_INFINITY)
        if (error !== null) expect(error).toMatchObject({ code: 'runtime-backend-unavailable', retriable: true })
        if (words(made).includes(': failed')) cut += 1
        // Told as done means done; told as failed, a retry brings it there.
        if (error === null) expect(scene.names().far).toContain(name)
        await scene.settled()
        await scene.upload(made)
        expect(scene.names().far).toContain(name)
        await scene.target.discard(made.release, 1, { retained: [] })
        expect(scene.names().far).toEqual([])
      }
      expect(cut).toBeGreaterThan(0)
      console.log(`${cut} of 30 uploads were cut`)
    })

    it('a machine with another processor gets what is made for it, or is told why not', {
      timeout: 120_000,
    }, async () => {
      // The engine there, which says that it is of another kind.
      const socket = join(tmpdir(), `appaloft-arm-${randomBytes(4).toString('hex')}.sock`)
      const server = createServer((call, answer) => {
        const { method, url, headers } = call
        const onward = request({ socketPath: machine.socket, method, path: url, headers }, (given) => {
          if (!url?.startsWith('/version')) {
            answer.writeHead(given.statusCode ?? 500, given.headers)
            given.pipe(answer)
            return
          }
          let text = ''
          given.setEncoding('utf8').on('data', (part: string) => {
            text += part
          })
          given.on('end', () => answer.end(text.replaceAll('"amd64"', '"arm64"')))
        })
        onward.on('error', () => answer.destroy())
        call.pipe(onward)
      })
      await new Promise<void>((resolve) => server.listen(socket, resolve))
      onTestFinished(async () => {
        server.closeAllConnections()
        server.close()
        await rm(socket, { force: true })
      })
      const scene = await buildScene({ ...machine, socket }, { build: 'local' })
      onTestFinished(scene.close)
      const fits = await scene.upload(await scene.build(scratch(1000)))
      expect(
        scene.far('image', 'inspect', '--format', '{{.Architecture}}', String(fits.release.artifact.name)).trim(),
      ).toBe('arm64')
      // What is not made for it is not sent.
      const plain = await buildScene(machine, { build: 'local' })
      onTestFinished(plain.close)
      const foreign = await plain.build(sampleApp('foreign'))
      expect(await failure(scene.upload(foreign))).toMatchObject({
        code: 'unsupported-runtime-target',
        message: expect.stringContaining('linux/arm64'),
        recoveryHint: expect.stringContaining("'remote'"),
      })
    })
  },
)
