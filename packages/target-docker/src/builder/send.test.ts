import { Readable } from 'node:stream'
import { gunzipSync } from 'node:zlib'
import type { LogLine, ReleaseInput } from '@appaloft/core/spec'
import { samplePlan, sampleRelease } from '@appaloft/testkit'
import { expect, it } from 'vitest'
import { EngineError, EngineUnreachable } from '../api/client.js'
import type { Engine } from '../api/engine.js'
import type { Image } from '../api/schemas.js'
import { tarOf } from '../api/tar.js'
import { Names } from '../names.js'
import type { Settings } from '../options.js'
import { send } from './send.js'
import { upload } from './upload.js'

const id = (digit: string) => `sha256:${digit.repeat(64)}`
const files = ['a/layer.tar', 'b/layer.tar', 'config.json'].map((name) => ({ name, content: `of ${name}` }))
const manifest = JSON.stringify([{ Config: 'config.json', Layers: ['a/layer.tar', 'b/layer.tar'] }])
const archive = tarOf(
  [...files, { name: 'manifest.json', content: manifest }].map((one) => ({ ...one, mode: 0o644, uid: 0 })),
)
const image = { Id: id('1'), RootFS: { Layers: ['la', 'lb'] }, Os: 'linux', Architecture: 'amd64', Size: 9 } as Image

/** Two engines: what the second is sent, and what it says of it. */
function engines(answers: (string | Error)[]) {
  const got: string[] = []
  const from = {
    save: async () => Readable.from([archive.subarray(0, 700), archive.subarray(700)]),
    image: async () => image,
  }
  const to = {
    async load(stream: Readable) {
      const chunks: Buffer[] = []
      for await (const chunk of stream) chunks.push(chunk as Buffer)
      got.push(gunzipSync(Buffer.concat(chunks)).toString('latin1'))
      const answer = answers.shift() ?? ''
      if (answer instanceof Error) throw answer
      return Readable.from([Buffer.from(answer)])
    },
    image: async (name: string) => (name === id('2') ? image : null),
  }
  return { from: from as unknown as Engine, to: to as unknown as Engine, got }
}

const loaded = `${JSON.stringify({ stream: `Loaded image ID: ${id('2')}\n` })}\n`
const refused = `${JSON.stringify({ error: 'open a/layer.tar: no such file' })}\n`

async function sending(answers: (string | Error)[], present: number) {
  const { from, to, got } = engines(answers)
  const logs: LogLine[] = []
  const signal = new AbortController().signal
  const log = (line: LogLine) => void logs.push(line)
  const result = await send({ from, to, image, name: 'app:1', present, signal, log }).catch((error: unknown) => error)
  return { result, got, words: logs.map(({ text }) => text), parts: logs.map(({ progress }) => progress?.status) }
}

it('sends all of it, or what is missing, and answers with the id that it has there', async () => {
  const whole = await sending([loaded], 0)
  expect(whole).toMatchObject({ result: id('2'), words: { 0: 'Sending app:1: all 2 layers' } })
  expect(whole.got).toEqual([archive.toString('latin1')])
  const part = await sending([loaded], 1)
  expect(part.words[0]).toBe('Sending app:1: 1 of 2 layers')
  expect(part.got[0]).not.toContain('of a/layer.tar')
  expect(part.got[0]).toContain('of b/layer.tar')
  expect(part.parts.at(0)).toBe('started')
  expect(part.parts.at(-1)).toBe('succeeded')
})

it('sends all of it where the engine refuses what is missing alone, and says so', async () => {
  const { result, got, words } = await sending([refused, loaded], 1)
  expect(result).toBe(id('2'))
  expect(got[1]).toBe(archive.toString('latin1'))
  expect(words.find((text) => text.includes('no such file'))).toContain('all of them are sent')
})

it('tells what went wrong, and tries nothing that does not help', async () => {
  const full = await sending([`${JSON.stringify({ error: 'write /x: no space left on device' })}\n`, loaded], 1)
  expect(full.result).toBeInstanceOf(EngineError)
  expect(full.got.length).toBe(1)
  const cut = await sending([new EngineUnreachable('ECONNRESET'), loaded], 1)
  expect(cut.result).toMatchObject({ code: 'runtime-backend-unavailable', retriable: true })
  expect(cut.got.length).toBe(1)
  expect(cut.parts.at(-1)).toBe('failed')
  // Said to be taken, and not there.
  expect((await sending([''], 0)).result).toBeInstanceOf(EngineError)
})

it('an engine that keeps images in the store of containerd gets whole ones', async () => {
  const { from, to, got } = engines([loaded])
  const tagged: string[] = []
  const engine = {
    ...to,
    volumes: async () => [],
    info: async () => ({ DriverStatus: [['driver-type', 'io.containerd.snapshotter.v1']] }),
    allImages: async () => expect.unreachable('which layers are there is not asked'),
    tag: async (_id: string, repo: string, tag: string) => void tagged.push(`${repo}:${tag}`),
  } as unknown as Engine
  const maker = {
    ...{ engine: from, elsewhere: true, repository: null },
    ...{ name: (name: string) => name, platform: async () => null },
  }
  const logs: string[] = []
  const name = 'appaloft/main:res_web.b-1'
  const release = sampleRelease({ plan: samplePlan({}), artifact: { image: id('1'), name } })
  const call = { resourceId: 'res_web', token: 1, signal: new AbortController().signal }
  const input = { ...call, release, log: ({ text }: LogLine) => void logs.push(text) } as unknown as ReleaseInput
  const parts = { engine, names: new Names('main'), settings: {} as Settings, maker, host: undefined as never }
  await upload(parts, input)
  expect(got).toEqual([archive.toString('latin1')])
  expect(tagged).toEqual([name])
  expect(logs.join('\n')).toContain('containerd')
})
