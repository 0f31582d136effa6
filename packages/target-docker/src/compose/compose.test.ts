import { samplePlan } from '@appaloft/testkit'
import { describe, expect, it } from 'vitest'
import { argvOf } from './body.js'
import { type Bundle, candidateOf, hashOf, ordered, toArtifact } from './bundle.js'
import { bytesOf, nanosecondsOf, type Project, projectSchema, refuseUnknown } from './model.js'
import { established } from './promoted.js'
import { digestsOf, markOf, opened, secretsIn } from './secrets.js'

const project = (services: Record<string, object>, more: object = {}): Project =>
  projectSchema.parse({ services, networks: {}, volumes: {}, secrets: {}, configs: {}, ...more })

const needs = (...names: string[]) => Object.fromEntries(names.map((name) => [name, { condition: 'service_started' }]))
const bundle = (services: Record<string, object>, candidate = 'web'): Bundle => ({
  candidate,
  project: project(services),
  images: Object.fromEntries(Object.keys(services).map((name) => [name, { image: 'sha256:a', name: 'ours' }])),
})

describe('what Compose prints', () => {
  it.each([
    ['67108864', 67_108_864],
    ['64m', 67_108_864],
    ['1.5Gb', 1_610_612_736],
    ['10KiB', 10_240],
    ['7b', 7],
    ['none', 0],
  ])('%s is so many bytes', (text, bytes) => expect(bytesOf(text)).toBe(bytes))

  it.each([
    ['1m30s', 90e9],
    ['2s', 2e9],
    ['1h1.5s', 3601.5e9],
    ['300ms', 3e8],
    ['90000000000', 90e9],
  ])('%s is so long', (text, nanoseconds) => expect(nanosecondsOf(text)).toBe(nanoseconds))

  it('is read from a record as from the files', () => {
    const given = bundle({
      web: { stop_grace_period: '3s', shm_size: '64m', command: ['a', 1], environment: { A: null, B: 2 } },
    })
    const again = projectSchema.parse(toArtifact(given).project)
    expect(again).toEqual(given.project)
    expect(again.services.web).toMatchObject({
      stop_grace_period: 3e9,
      shm_size: 2 ** 26,
      command: ['a', '1'],
      environment: { B: '2' },
    })
  })

  it('is refused by the name of a key that is not known, in builds too', () => {
    expect(() => refuseUnknown({ web: { image: 'a', 'x-mine': 1, expose: [], gpus: null } })).not.toThrow()
    expect(() => refuseUnknown({ web: { gpus: 'all' } })).toThrow('services.web.gpus')
    expect(() => refuseUnknown({ web: { build: { context: '.', ssh: [] } } })).toThrow('services.web.build.ssh')
  })

  it('is started as Docker would: a new entrypoint takes the image’s command away', () => {
    const image = { Config: { Entrypoint: ['entry'], Cmd: ['cmd'] } } as never
    const argv = (service: object) => argvOf(project({ web: service }).services.web!, image)
    expect(argv({})).toBeNull()
    expect(argv({ command: ['a'] })).toEqual(['entry', 'a'])
    expect(argv({ entrypoint: ['b'] })).toEqual(['b'])
    expect(argv({ entrypoint: ['b'], command: ['c'] })).toEqual(['b', 'c'])
  })
})

describe('the order of services', () => {
  it('what others need comes first; what needs the candidate after it; what runs to its end is told apart', () => {
    const services = {
      worker: { depends_on: needs('web') },
      beat: { depends_on: needs('worker') },
      web: {
        depends_on: { db: { condition: 'service_healthy' }, job: { condition: 'service_completed_successfully' } },
      },
      job: { depends_on: needs('db') },
      db: {},
      pod: { network_mode: 'service:db' },
    }
    expect(ordered(bundle(services)).map(({ name, role }) => `${name} ${role}`)).toEqual([
      'db before',
      'job once',
      'worker after',
      'beat after',
      'pod before',
    ])
  })

  it('without traffic, what stays and needs most is the release', () => {
    expect(candidateOf(project({ a: {}, b: { depends_on: needs('a') } }), undefined)).toBe('b')
    const once = { b: { depends_on: { a: { condition: 'service_completed_successfully' } } }, a: {} }
    expect(candidateOf(project(once), undefined)).toBe('b')
    expect(candidateOf(project(once), 'a')).toBe('a')
  })
})

describe('whether a service changed', () => {
  const plan = (digest: string) =>
    samplePlan({ environment: { TOKEN: { secret: true, name: 'TOKEN', version: 1, digest, scope: 'runtime' } } })
  const hash = (service: object, digest = 'd1', image = 'sha256:a') => {
    const given = bundle({ web: {}, db: service })
    return hashOf({ ...given, images: { db: { image, name: 'ours' } } }, 'db', plan(digest))
  }
  const db = { image: 'db', environment: { PASS: markOf('TOKEN') } }

  it('is told by settings, image and the secrets that it has, and by nothing else', () => {
    expect(hash(db)).toBe(hash({ ...db, depends_on: needs('web'), pull_policy: 'always', scale: 2 }))
    const others = [hash({ ...db, user: 'me' }), hash(db, 'd2'), hash(db, 'd1', 'sha256:b')]
    expect(new Set([hash(db), ...others]).size).toBe(4)
    expect(hash({ image: 'db' }, 'd1')).toBe(hash({ image: 'db' }, 'd2'))
  })
})

describe('marks of secrets', () => {
  it('stand for values anywhere, and are opened only with them', () => {
    const value = { a: [`x${markOf('A')}y`, 1], b: { [markOf('B')]: markOf('B') }, c: null }
    expect(secretsIn(value)).toEqual(['A', 'B'])
    expect(opened(value, { environment: { A: '$&', B: '2' } })).toEqual({
      a: ['x$&y', 1],
      b: { [markOf('B')]: '2' },
      c: null,
    })
    expect(() => opened(value, { environment: { A: '1' } })).toThrow('B')
    expect(digestsOf(['A'], samplePlan())).toEqual(['A'])
  })
})

describe('open connections', () => {
  it('are counted at the address alone, as the kernel’s table has them', () => {
    const table = [
      '  sl  local_address rem_address   st',
      '   0: 0200CB0A:0BB8 0300CB0A:D2F0 01 00000000:00000000',
      '   1: 0200CB0A:0BB8 0300CB0A:D2F1 06 00000000:00000000',
      '   2: 0200CB0B:0BB8 0300CB0A:D2F2 01 00000000:00000000',
      '   3: 0000000000000000FFFF00000200CB0A:0BB8 0000000000000000FFFF00000300CB0A:D2F3 01 00000000:00000000',
    ].join('\n')
    expect(established(table, '10.203.0.2')).toBe(2)
    expect(established(table, '10.203.0.20')).toBe(0)
  })
})
