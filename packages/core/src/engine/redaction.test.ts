import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { Scene } from '../../test/engine.js'
import { redactor } from '../secrets/index.js'
import { AppaloftError } from '../spec/errors.js'
import { cleaned } from './redaction.js'

let scene: Scene
beforeEach(async () => {
  scene = await Scene.make()
})
afterEach(() => scene.close())
const secret = (value: string) => ({ value, secret: true, scope: 'both' as const })
const shown = async (stream: AsyncIterable<unknown>) => {
  const all = []
  for await (const one of stream) all.push(one)
  return all
}

describe('a record of ours', () => {
  it('keeps its own words and numbers, whatever a secret is; what came from elsewhere is redacted', () => {
    const record = {
      type: 'check-observed',
      phase: 'verify',
      attempts: 1234,
      message: 'verify says 1234',
      data: { status: 'failed', evidence: [{ kind: 'log', signal: 'log', value: { verify: ['1234', 1234, 'fine'] } }] },
      lastLogs: ['verify', 'fine'],
    }
    const before = structuredClone(record)
    expect(cleaned(redactor(['verify', '1234', 'check-observed', 'failed']), record)).toEqual({
      ...before,
      message: '[redacted] says [redacted]',
      data: {
        status: 'failed',
        evidence: [{ kind: 'log', signal: 'log', value: { '[redacted]': ['[redacted]', '[redacted]', 'fine'] } }],
      },
      lastLogs: ['[redacted]', 'fine'],
    })
    expect(record).toEqual(before)
  })

  it('is not broken by secrets that are words of the engine', async () => {
    const words = [
      'verify',
      'execute',
      'passed',
      'failed',
      'health',
      'error',
      'warn',
      'build',
      'process-exited',
      'info',
    ]
    const environment = Object.fromEntries(words.map((word, i) => [`S${i}`, secret(word)]))
    const engine = scene.engine()
    const done = await scene.deployed(engine, 'serve exit-after=0 exit-code=3', { environment })
    expect(done).toMatchObject({ status: 'failed', failure: { code: 'process-exited', phase: 'verify' } })
    const types = new Set<string>()
    for await (const one of engine.deployments.events(done.id))
      if (one.kind === 'event') types.add(one.event.phase ?? '')
    expect([...types].sort()).toEqual(['', 'detect', 'execute', 'plan', 'rollback', 'verify'])
  })
})

describe('the values that are looked for', () => {
  it('are those of the plan too, where a retry takes the current ones', async () => {
    const engine = scene.engine()
    const withValue = (value: string) => ({
      environment: { TOKEN: secret(value) },
      runtime: { startCommand: 'serve', buildCommand: 'run env=TOKEN' },
    })
    scene.world.fail('start', new Error('no'), { part: 'target' })
    const failed = await scene.deployed(engine, undefined, withValue('the-first-value'))
    await engine.resources.define(scene.definition(undefined, withValue('the-second-value')))
    const again = await (await engine.deployments.retry(failed.id, { secrets: 'current' })).done
    expect(again.status).toBe('succeeded')
    const logs = await shown(engine.deployments.logs(again.id))
    expect(JSON.stringify(logs)).toContain('TOKEN=[redacted]')
    expect(JSON.stringify(logs)).not.toMatch(/the-(first|second)-value/)
  })

  it('are former ones too, as long as they are kept', async () => {
    const engine = scene.engine()
    await scene.deployed(engine, undefined, { environment: { TOKEN: secret('the-first-value') } })
    const second = await scene.deployed(engine, 'serve print=cached:the-first-value', {
      environment: { TOKEN: secret('the-second-value') },
    })
    expect(JSON.stringify(await shown(engine.deployments.logs(second.id)))).toContain('cached:[redacted]')
  })
})

describe('an output in which nobody knows what is secret', () => {
  const lost = () => Promise.reject(new AppaloftError('secret-unavailable'))
  const keyless = { seal: lost, open: lost, digest: lost }
  const rest = { environment: { TOKEN: secret('a-value-of-some-length') } }

  it('is not shown by logs', async () => {
    const { id } = await scene.deployed(scene.engine(), 'serve env=TOKEN', rest)
    const stream = scene.engine({ secrets: keyless }).deployments.logs(id)
    await expect(shown(stream)).rejects.toMatchObject({ code: 'secret-unavailable' })
  })

  it('is a problem of diagnostics, which tell the rest', async () => {
    const { id } = await scene.deployed(scene.engine(), 'serve env=TOKEN', rest)
    const document = await scene.engine({ secrets: keyless }).deployments.diagnostics(id)
    expect(document.problems).toMatchObject([{ section: 'secrets', code: 'secret-unavailable' }])
    expect(document.deployment.status).toBe('succeeded')
  })

  it('is shown where there is no secret', async () => {
    const { id } = await scene.deployed(scene.engine(), 'serve print=hello')
    expect(JSON.stringify(await shown(scene.engine({ secrets: keyless }).deployments.logs(id)))).toContain('hello')
  })
})

describe('a secret of several lines', () => {
  it('is hidden as a whole, in the log and in the failure, and what is held back is told before the step ends', async () => {
    const value = 'ab\ncd\nef\ngh'
    const engine = scene.engine()
    const { build } = scene.target
    vi.spyOn(scene.target, 'build').mockImplementation(async (input) => {
      for (const text of ['first', ...value.split('\n'), 'then ab']) input.log({ stream: 'stdout', text })
      await build(input)
      throw new AppaloftError('build-failed', { details: { lastLogs: ['first', ...value.split('\n'), 'then ab'] } })
    })
    const done = await scene.deployed(engine, undefined, { environment: { KEY: secret(value) } })
    expect(done.failure?.lastLogs).toEqual(['first', '[redacted]', 'then ab'])
    const events = []
    for await (const one of engine.deployments.events(done.id)) if (one.kind === 'event') events.push(one.event)
    const inBuild = events.slice(events.findIndex((one) => one.type === 'step-started' && one.step === 'build') + 1)
    expect(inBuild.slice(0, 4).map((one) => one.message ?? one.type)).toEqual([
      'first',
      '[redacted]',
      'then ab',
      expect.anything(),
    ])
    expect(inBuild[3]?.type).toBe('step-failed')
  })
})

describe('how far a part of a step is', () => {
  it('is told as data beside the words, without secrets; what runs is no line of the log', async () => {
    const engine = scene.engine()
    const { build } = scene.target
    const part = { id: 'sha256:a', name: 'RUN tool --token=a-long-secret', stage: 'install', index: 2, total: 3 }
    const told = [
      { status: 'started' as const },
      { status: 'running' as const, percent: 40 },
      { status: 'succeeded' as const, milliseconds: 12 },
    ]
    vi.spyOn(scene.target, 'build').mockImplementation((input) => {
      for (const one of told)
        input.log({ stream: 'stdout', text: `${one.status} a-long-secret`, progress: { ...part, ...one } })
      return build(input)
    })
    const done = await scene.deployed(engine, undefined, { environment: { KEY: secret('a-long-secret') } })
    const found = []
    for await (const one of engine.deployments.events(done.id))
      if (one.kind === 'event' && one.event.data.source === 'build') found.push(one.event)
    const name = 'RUN tool --token=[redacted]'
    expect(found.map(({ type, step, message, data }) => ({ type, step, message, progress: data.progress }))).toEqual(
      told.map((one) => ({
        ...{ type: 'log', step: 'build', message: `${one.status} [redacted]` },
        progress: { ...part, ...one, name },
      })),
    )
    const logs = (await shown(engine.deployments.logs(done.id))) as { text: string; source: string }[]
    expect(logs.filter(({ source }) => source === 'build').map(({ text }) => text)).toEqual([
      'started [redacted]',
      'succeeded [redacted]',
    ])
  })
})

describe('a preview', () => {
  const value = 'correct-horse-battery'
  const environment = { TOKEN: secret(value) }

  it('shows no secret that a command, a build argument or a hostname holds, and keeps its fingerprint', async () => {
    const engine = scene.engine()
    const runtime = { startCommand: `serve --token=${value}`, buildCommand: ['make', value] }
    const resource = scene.definition('serve', { environment, runtime })
    const preview = await engine.deployments.plan({ resource })
    expect(JSON.stringify(preview)).not.toContain(value)
    expect(preview.commands.start?.command).toBe('serve --token=[redacted]')
    expect(preview.fingerprint).toMatch(/^[0-9a-f]{64}$/)
    const other = { ...runtime, startCommand: 'serve --token=other' }
    const plain = await engine.deployments.plan({
      resource: scene.definition('serve', { environment, runtime: other }),
    })
    expect(plain.commands.start?.command).toBe('serve --token=other')
    expect(plain.fingerprint).not.toBe(preview.fingerprint)
    // What was shown is what runs.
    const done = await (await engine.deployments.create({ resource, fingerprint: preview.fingerprint })).done
    expect(done.status, done.failure?.message).toBe('succeeded')
  })

  it('knows the secrets that are kept, also by id', async () => {
    const engine = scene.engine()
    await engine.resources.define(scene.definition('serve', { environment }))
    await engine.resources.define(scene.definition(`serve --token=${value}`))
    const text = JSON.stringify(await engine.deployments.plan({ resource: 'res_shop' }))
    expect(text).not.toContain(value)
    expect(text).toContain('[redacted]')
  })
})
