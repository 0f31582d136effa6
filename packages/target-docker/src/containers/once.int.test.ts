import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer, request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Artifact, Command } from '@appaloft/core/spec'
import { sampleId, samplePlan, sampleRelease } from '@appaloft/testkit'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  haveEngine,
  type Machine,
  machine,
  nodeImage,
  testEngine,
  testOptions,
  withoutEngine,
} from '../../test/engine.js'
import { docker } from '../index.js'
import { label } from '../names.js'

// The connection to the engine is lost at each call that a release command takes, and the target is asked again.

interface Loss {
  method: string
  path: RegExp
  /** Before the engine has it, or before its answer is told. */
  moment: 'unsent' | 'unheard'
}
const calls: Record<string, [method: string, path: RegExp]> = {
  create: ['POST', /\/create/],
  start: ['POST', /\/start/],
  logs: ['GET', /\/logs/],
  remove: ['DELETE', /\/containers\//],
  list: ['GET', /\/containers\/json/],
  mark: ['GET', /\/volumes/],
  look: ['HEAD', /\/archive/],
  inspect: ['GET', /\/containers\/[^/]+\/json/],
}
const losses = Object.entries(calls).flatMap(([name, [method, path]]) =>
  (['unsent', 'unheard'] as const).map((moment) => ({ name: `${name} ${moment}`, method, path, moment })),
)
const soak = process.env.APPALOFT_SOAK === '1'
const chosen = losses.filter(({ name }) => soak || /^(?:create|start|logs) unheard|^remove unsent/.test(name))

/** Before the engine's socket: the first call like this one is lost. */
async function losing(path: string, engine: string, loss: Loss) {
  let lost = 0
  const server = createServer((call, answer) => {
    const { method = '', url = '', headers } = call
    const now = lost === 0 && method === loss.method && loss.path.test(url)
    if (now) lost += 1
    if (now && loss.moment === 'unsent') return void call.socket.destroy()
    const onward = request({ socketPath: engine, method, path: url, headers }, (given) => {
      if (now) {
        // What is long in coming has begun by then.
        given.once('data', () => call.socket.destroy())
        given.once('end', () => call.socket.destroy())
        return
      }
      answer.writeHead(given.statusCode ?? 500, given.headers)
      given.pipe(answer)
    })
    onward.on('error', () => answer.destroy())
    call.pipe(onward)
  })
  await new Promise<void>((resolve) => server.listen(path, resolve))
  const close = () => {
    server.closeAllConnections()
    server.close()
  }
  return { count: () => lost, close }
}

describe.skipIf(!haveEngine)(`a release command whose engine is lost ${withoutEngine}`, () => {
  let folder = ''
  let here: Machine
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'appaloft-once-'))
    here = await machine()
  })
  afterAll(async () => {
    await here.close()
    rmSync(folder, { recursive: true, force: true })
  })

  it.each(chosen.map((loss, at) => ({ ...loss, number: at + 1 })))(
    '$name: it runs once, and its end is told',
    async ({ number, ...loss }) => {
      const engine = await testEngine()
      const socket = join(folder, `${number}.sock`)
      if (engine.address.kind !== 'unix') throw new Error('needs an engine on a socket')
      const way = await losing(socket, engine.address.path, loss)
      const target = docker({ ...testOptions(here.scope), pull: 'never', host: `unix://${socket}` })
      const runs = join(folder, String(number))
      mkdirSync(runs)
      const artifact: Artifact = { kind: 'image', image: nodeImage }
      const plan = { ...samplePlan({ artifact }), binds: [{ source: runs, path: '/runs' }] }
      const ids = { resourceId: 'res_web', deploymentId: sampleId('dep', number), releaseId: sampleId('rel', number) }
      const common = { ...ids, token: 1, signal: new AbortController().signal, log: () => undefined }
      const image = (await engine.image(nodeImage))?.Id ?? ''
      const release = sampleRelease({ id: ids.releaseId, plan, artifact: { image } })
      const input = { ...common, release, environment: {}, secretNames: [] }
      const command: Command = ['sh', '-c', 'echo x >>/runs/ran; echo begun; sleep 0.5; echo ended; exit 3']
      try {
        const first = await target.run(input, command).catch((error: unknown) => error)
        expect(way.count()).toBe(1)
        if (first instanceof Error) expect(first).toMatchObject({ code: 'runtime-backend-unavailable' })
        const result = first instanceof Error ? await target.run(input, command) : first
        expect(result).toEqual({ exitCode: 3, signal: null, lastLogs: ['begun', 'ended'] })
        expect(readFileSync(join(runs, 'ran'), 'utf8')).toBe('x\n')
        // What its own removal may have left goes with the start of the release.
        await target.start({ ...input, release: { ...release, plan: { ...plan, commands: sleeping } } })
        const left = await engine.containers([`${label.deployment}=${ids.deploymentId}`])
        expect(left.map(({ Labels: labels }) => labels[label.role])).toEqual(['instance'])
      } finally {
        await target.remove(ids, 1).catch(() => undefined)
        await target.close?.()
        way.close()
        engine.client.close()
      }
    },
  )
})

const sleeping = { start: { command: ['sleep', '600'] as Command, from: 'profile' as const } }
