import fc from 'fast-check'
import type { Scene } from '../scene.js'
import { junk, text } from './values.js'

const some = (fields: Record<string, fc.Arbitrary<unknown>>) => fc.record(fields, { requiredKeys: [] })
const seconds = fc.constantFrom(0.1, 1, 2)
const command = fc.constantFrom('serve', 'serve status=500', 'serve exit-after=0', 'serve listen=never', 'serve fail', [
  'serve',
  'text=x',
])

const definition = (scene: Scene): fc.Arbitrary<object> => {
  const path = fc.constantFrom(
    scene.folder,
    scene.folder,
    `${scene.folder}/app.txt`,
    scene.root,
    `${scene.root}/missing`,
    '/etc',
  )
  const source = fc.oneof(
    { weight: 5, arbitrary: fc.constant({ kind: 'local-folder', path: scene.folder }) },
    fc.record({ kind: fc.constantFrom('local-folder', 'compose-file', 'archive'), path }),
    fc.record({ kind: fc.constant('docker-image'), image: text }),
    // Nothing listens there: a download that is allowed fails at once.
    fc.record({
      kind: fc.constantFrom('archive', 'git-repository'),
      url: fc.constantFrom('https://127.0.0.1:1/a', 'git@127.0.0.1:a'),
    }),
  )
  return fc
    .tuple(
      source,
      some({
        id: fc.constantFrom('res_shop', 'res_a', 'res_b'),
        runtime: some({
          startCommand: command,
          buildCommand: command,
          releaseCommand: command,
          planner: fc.constant('any'),
          overlap: fc.boolean(),
        }),
        network: some({
          internalPort: fc.integer({ min: 1, max: 65_535 }),
          exposure: fc.constantFrom('proxy', 'none'),
          drainSeconds: seconds,
        }),
        health: fc.constant({ path: '/', intervalSeconds: 0.1, timeoutSeconds: 1, retries: 1, startPeriodSeconds: 0 }),
        access: some({ hostnames: fc.constant(['a.example.com']), pathPrefix: fc.constantFrom('/', '/x') }),
        environment: fc.dictionary(fc.constantFrom('A', 'B_2'), fc.record({ value: text, secret: fc.boolean() }), {
          maxKeys: 2,
        }),
        volumes: fc.constantFrom([], [{ name: 'data', path: '/data' }]),
        binds: fc.constantFrom([], [], [{ source: scene.folder, path: '/x' }]),
      }),
    )
    .map(([one, rest]) => ({ source: one, ...rest }))
}

/** Bodies by the end of the path that takes them. */
export const bodies = (scene: Scene, releases: string[]): Record<string, fc.Arbitrary<object>> => {
  const request = fc
    .tuple(
      fc.oneof(fc.constantFrom('res_shop', 'res_shop', 'res_nobody'), definition(scene), definition(scene)),
      some({
        target: fc.constant('fake'),
        force: fc.boolean(),
        stateVersion: fc.integer({ min: 0, max: 9 }),
        idempotencyKey: fc.constantFrom('a', 'b', 'c'),
        fingerprint: fc.constantFrom('x'),
      }),
    )
    .map(([resource, rest]) => ({ resource, ...rest }))
  const verb = { stateVersion: fc.integer({ min: 0, max: 9 }), secrets: fc.constant('current') }
  return {
    deployments: request,
    plan: request,
    retry: some(verb),
    rollback: some({ ...verb, to: fc.oneof(fc.constantFrom(...releases), text) }),
    redeploy: some({ stateVersion: verb.stateVersion, force: fc.boolean(), target: fc.constant('fake') }),
    cancel: fc.constant({}),
    rollouts: fc
      .tuple(
        fc.oneof(fc.constantFrom('res_shop', 'res_nobody'), definition(scene)),
        some({
          targets: fc.oneof(fc.constant(['fake']), fc.array(fc.constantFrom('fake', 'moon'), { maxLength: 3 })),
          batch: fc.oneof(fc.integer({ min: 0, max: 3 }), fc.record({ first: fc.nat(2), rest: fc.nat(2) })),
          promote: fc.constantFrom('each', 'together', 'never'),
          onFailure: fc.constantFrom('stop', 'rollback'),
          rollback: fc.oneof(
            fc.constant({}),
            text.map((to) => ({ to })),
          ),
        }),
      )
      .map(([resource, rest]) => ({ resource, ...rest })),
    remove: some({ volumes: fc.boolean() }),
  }
}

/** Cut, mixed up, wrongly encoded, deep, large. */
export const mangled = (json: fc.Arbitrary<string>): fc.Arbitrary<string | Uint8Array | null> =>
  fc.oneof(
    fc.tuple(json, fc.nat({ max: 200 })).map(([one, at]) => one.slice(0, at)),
    fc.tuple(json, fc.nat({ max: 200 }), text).map(([one, at, more]) => one.slice(0, at) + more + one.slice(at)),
    json.map((one) => new Uint8Array(Buffer.from(one, 'utf16le'))),
    json.map((one) => new Uint8Array(Buffer.from(one, 'latin1'))),
    fc.uint8Array({ maxLength: 200 }),
    text,
    junk.map((one) => JSON.stringify(one) ?? 'null'),
    fc.constantFrom(
      '{"__proto__":{"resource":"res_shop"}}',
      '{"resource":{"__proto__":{}}}',
      '{"resource":"res_shop","constructor":{"prototype":{"force":true}}}',
      '{"stateVersion":1e400}',
      '{"resource":"res_shop","resource":7}',
    ),
    fc.nat({ max: 5000 }).map((depth) => `${'{"resource":'.repeat(depth)}1${'}'.repeat(depth)}`),
    fc.nat({ max: 40_000 }).map((length) => `{"resource":"${'x'.repeat(length)}"}`),
  )
