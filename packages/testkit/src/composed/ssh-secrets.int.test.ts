import { execFileSync, spawn } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import { readdirSync, writeFileSync } from 'node:fs'
import { rm, writeFile } from 'node:fs/promises'
import { homedir, tmpdir } from 'node:os'
import { join } from 'node:path'
import type { ResourceDefinition } from '@appaloft/core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { caddyProgram, noCaddy } from '../../../proxy-caddy/test/caddy.js'
import { cli, nodeImage, registry } from '../../../target-docker/test/engine.js'
import { privateRegistry } from '../../../target-docker/test/private-registry.js'
import { haveEngine } from '../../../target-ssh/test/machine.js'
import { haveSshd, withoutSshd } from '../../../target-ssh/test/sshd.js'
import { needlesOf } from '../../test/encoders.js'
import { MachineScene } from '../../test/machine/scene.js'
import { filesHolding, moment, openings, watchProcesses } from '../../test/machine/secrets.js'

// A deployment with every kind of secret: what of it can be seen on either machine while it runs, and what is left of it.

/** In every escape of text the middle stays as it is; encodings of bytes show no part of it. */
const secret = (name: string) => `${name}'${randomBytes(9).toString('hex')}"+/ü%&$`
const formsOf = (values: readonly string[]) => [
  ...needlesOf([...values]).keys(),
  ...values.map((value) => /[0-9a-f]{18}/.exec(value)?.[0] ?? value),
]
const digest = (text: string) => createHash('sha256').update(text).digest('hex')
const run = (...args: string[]) =>
  execFileSync(cli, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] }).trim()
const possible = haveSshd && haveEngine && caddyProgram !== null && registry !== undefined
const soak = process.env.APPALOFT_SOAK === '1'

describe.skipIf(!possible)(`secrets of a deployment over SSH ${withoutSshd}, ${noCaddy}`, () => {
  let scene: MachineScene
  beforeAll(async () => {
    scene = await MachineScene.open()
  })
  afterAll(() => scene?.close())

  it.each(soak ? (['environment', 'files'] as const) : (['environment'] as const))(
    'are in no arguments, in no file that outlives it, and on no wire, with secrets as %s',
    { timeout: 240_000 },
    async (how) => {
      const values = { RUNTIME: secret('run'), BUILD: secret('build'), BOTH: secret('both') }
      const password = secret('registry').replace(/[ü:]/g, '')
      const all = [...Object.values(values), password]
      const planted = secret('planted')
      const texts = formsOf([...all, planted])
      const door = await privateRegistry(registry!, { username: 'robot', password })
      const base = `${door.host}/${randomBytes(5).toString('hex')}/node:1`
      const open = base.replace(door.host, registry!)
      run('tag', nodeImage, open)
      run('push', '--quiet', open)
      run('rmi', open)

      const root = run('info', '--format', '{{.DockerRootDir}}')
      const roots = [
        tmpdir(),
        '/tmp',
        '/var/tmp',
        '/dev/shm',
        '/run',
        root,
        join(homedir(), '.docker'),
        join(homedir(), '.ssh'),
      ]
      const folders = roots.filter(
        (one, at) =>
          !roots.some((other, before) => before !== at && (other === one ? before < at : one.startsWith(`${other}/`))),
      )
      const since = moment(scene.folder)
      const watch = await watchProcesses(texts)
      scene.wire.record()
      try {
        const engine = scene.engine({
          secrets: how,
          credentials: { registry: () => ({ username: 'robot', password }) },
        })
        const opened: ReturnType<typeof openings>[] = []
        const definition = await application(scene, base, values)
        const attempt = await engine.deployments.create(
          { resource: definition },
          {
            onEvent: ({ type, step }) => {
              if (type !== 'step-started' || step !== 'start') return
              const own = readdirSync(tmpdir()).find((name) => name.startsWith(`appaloft-ssh-${process.pid}-`))
              opened.push(openings(join(tmpdir(), own ?? 'none')))
            },
          },
        )
        const done = await attempt.done
        expect(done.failure ?? null).toBeNull()
        // All of them came to where they were to come to.
        expect(JSON.parse((await scene.ask()).text)).toEqual({
          runtime: digest(values.RUNTIME),
          both: digest(values.BOTH),
          build: digest(values.BUILD),
        })
        await engine.close()

        expect(opened).toEqual([{ mode: '700 d', sockets: expect.any(Number), processes: 1, ports: 0 }])
        const allowed = engines[how]
        const kept = filesHolding(folders, since, texts)
        expect(kept.files.filter((path) => !allowed.test(path))).toEqual([])
        expect(kept.files.length).toBeGreaterThan(0)

        const before = watch.seen.length
        const end = plant(planted)
        await expect.poll(() => watch.seen.length, { timeout: 20_000 }).toBeGreaterThan(before + 1)
        end()
        const found = watch.seen.splice(before)
        expect(new Set(found.map(({ place }) => place))).toEqual(new Set(['arguments', 'environment']))
        // Of the environments those of what is given them: the application's containers, and the command that builds, on this machine.
        const strange = watch.seen.filter(
          ({ place, argv, group }) => place === 'arguments' || !(inContainer(group) || builds(argv)),
        )
        expect(strange.map(({ place, argv }) => [place, argv[0]])).toEqual([])

        const passed = scene.wire.recorded()
        expect(passed.length).toBeGreaterThan(100_000)
        expect(texts.filter((text) => passed.includes(text))).toEqual([])

        const places = [
          scene.folder,
          scene.sshd.folder,
          join(scene.folder, 'state'),
          '/dev/shm',
          '/var/tmp',
          '/run',
          root,
        ]
        const hidden = places.map((folder, at) => {
          const path = join(folder, `planted-${randomBytes(6).toString('hex')}`)
          const shown = [
            planted,
            Buffer.from(planted).toString('base64'),
            Buffer.from(planted).toString('hex'),
            encodeURIComponent(planted),
          ]
          writeFileSync(path, `before ${shown[at % shown.length]} after`)
          return path
        })
        const seen = filesHolding(folders, since, texts).files.filter((path) => !allowed.test(path))
        for (const path of hidden) await rm(path)
        expect(seen.sort()).toEqual(hidden.sort())

        const last = scene.engine({ secrets: how })
        await last.resources.remove('res_web', { volumes: true })
        await last.close()
        // With the containers goes what Docker keeps of them, but for the pages of containerd's database that nothing was written over yet.
        const left = () =>
          filesHolding(folders, since, texts).files.filter((path) => how === 'files' || !path.endsWith('.bolt/meta.db'))
        // Its runtime's folder goes a moment later.
        await expect.poll(left, { timeout: 20_000, interval: 500 }).toEqual([])
        console.log(
          `${how}: ${texts.length} texts, ${kept.looked} files, ${await watch.end()} looks at all processes, ${passed.length} bytes on the wire`,
        )
      } finally {
        await watch.end()
        door.close()
      }
    },
  )
})

const inContainer = (group: string) => /docker|containerd|buildkit/.test(group)
const builds = ([program = '', ...argv]: readonly string[]) =>
  program.endsWith('/docker-buildx') || (argv.includes('buildx') && argv.includes('build'))

/** Where Docker Engine keeps what a container is given: its own configuration, that of its containerd and of its runtime; or files in the container. */
const engines = {
  environment:
    /\/containers\/[0-9a-f]{64}\/(?:\.tmp-)?config\.v2\.json\d*$|\/io\.containerd\.metadata\.v1\.bolt\/meta\.db$|\/io\.containerd\.runtime\.v2\.task\/moby\/[0-9a-f]{64}\/config\.json$/,
  files: /\/diff\/run\/secrets\/(?:RUNTIME|BOTH)$/,
}

/** In the arguments of one process, and the environment of another. */
function plant(text: string): () => void {
  const all = [
    spawn('sleep', ['60'], { argv0: `sleep ${text}`, stdio: 'ignore' }),
    spawn('sleep', ['60'], { env: { PLANTED: text }, stdio: 'ignore' }),
  ]
  return () => {
    for (const one of all) one.kill()
  }
}

async function application(
  scene: MachineScene,
  base: string,
  values: Record<'RUNTIME' | 'BUILD' | 'BOTH', string>,
): Promise<ResourceDefinition> {
  const plain = await scene.resource('secrets')
  const app = join(scene.folder, 'app')
  const server = `
const { createHash } = require('crypto'), fs = require('fs')
const value = (name) => process.env[name + '_FILE'] ? fs.readFileSync(process.env[name + '_FILE'], 'utf8') : process.env[name]
const digest = (text) => createHash('sha256').update(text).digest('hex')
const told = { runtime: digest(value('RUNTIME')), both: digest(value('BOTH')), build: fs.readFileSync('/srv/digest', 'utf8') }
require('http').createServer((q, a) => a.end(JSON.stringify(told))).listen(3000)
process.on('SIGTERM', () => process.exit(0))`
  // Whatever a release command prints of them is hidden, and its container is gone with its log.
  const release = `const fs = require('fs'); for (const name of ['RUNTIME', 'BOTH']) console.log(process.env[name] || fs.readFileSync(process.env[name + '_FILE'], 'utf8'))`
  const lines = [
    `FROM ${base}`,
    'COPY . /srv/',
    'RUN --mount=type=secret,id=BUILD --mount=type=secret,id=BOTH test -s /run/secrets/BOTH && ' +
      `node -e "const c=require('crypto'),f=require('fs');f.writeFileSync('/srv/digest',c.createHash('sha256').update(f.readFileSync('/run/secrets/BUILD')).digest('hex'))"`,
    'EXPOSE 3000',
    'CMD ["node", "/srv/server.js"]',
  ]
  await writeFile(join(app, 'server.js'), server)
  await writeFile(join(app, 'release.js'), release)
  await writeFile(join(app, 'Dockerfile'), `${lines.join('\n')}\n`)
  return {
    ...plain,
    environment: {
      RUNTIME: { value: values.RUNTIME, secret: true },
      BUILD: { value: values.BUILD, secret: true, scope: 'build' },
      BOTH: { value: values.BOTH, secret: true, scope: 'both' },
    },
  }
}
