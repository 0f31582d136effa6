import { execFileSync, spawnSync } from 'node:child_process'
import { readdirSync, readFileSync, renameSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Deployment, Preview } from '@appaloft/core/spec'
import { describe, expect, it, onTestFinished } from 'vitest'
import { writeServer } from '../test/apps.js'
import { program } from '../test/program.js'
import { changedPaths, homeBelow, listing, processesWith, tracer } from '../test/watched.js'

const cli = program()
const soak = process.env.APPALOFT_SOAK === '1'
const MiB = 1024 * 1024

/** The program with every folder that it may know of below one that is watched; the source lies there too, as `work/app`. */
function watched() {
  const root = cli.folder('.')
  const env = homeBelow(cli.folder('user'))
  const app = writeServer(cli.folder('work/app'))
  writeFileSync(join(cli.folder('work'), 'outside.txt'), 'not of this source')
  const state = () => join(root, 'state')
  return {
    env,
    app,
    cwd: join(root, 'work'),
    state,
    list: (...except: string[]) => listing(root, ['state', ...except]),
  }
}

/** Runs it to its end and looks at the memory it took meanwhile. */
async function run(args: string[], { env, cwd }: { env: Record<string, string>; cwd: string }) {
  const { child, finished } = cli.start(args, { env, cwd })
  let peak = 0
  let running = true
  const watching = (async () => {
    for (; running; await sleep(20)) {
      try {
        const status = readFileSync(`/proc/${child.pid}/status`, 'utf8')
        peak = Math.max(peak, Number(/VmHWM:\s+(\d+) kB/.exec(status)?.[1] ?? 0) * 1024)
      } catch {}
    }
  })()
  const end = await finished
  running = false
  await watching
  expect(end.signal).toBe(null)
  return { ...end, peak }
}

interface Hostile {
  name: string
  make(app: string): unknown
  flags?: string[]
  code?: string
  message: RegExp
  hint: RegExp
}

const link = (target: string, name: string) => (app: string) => {
  rmSync(join(app, name), { force: true })
  symlinkSync(target, join(app, name))
}
const fifo = (name: string) => (app: string) => {
  rmSync(join(app, name), { force: true })
  execFileSync('mkfifo', [join(app, name)])
}
const leadsOut = { message: /link "\w[\w.]*" leads out of the source/, hint: /remove the link/ }
const pipe = { message: /"[\w.]+" is a named pipe/, hint: /Remove it; .*\.appaloftignore/ }
const escapes = { code: 'base-directory-escapes-source', hint: /Set source\.baseDirectory to a relative path/ }
const hostile: Hostile[] = [
  { name: 'a link to a file of the system', make: link('/etc/passwd', 'secret'), ...leadsOut },
  { name: 'a link to what lies beside it', make: link('../outside.txt', 'secret'), ...leadsOut },
  { name: 'a link to the root', make: link('/', 'all'), ...leadsOut },
  { name: 'a package.json that is a link out', make: link('/etc/passwd', 'package.json'), ...leadsOut },
  { name: 'a pipe', make: fifo('pipe'), ...pipe },
  { name: 'a package.json that is a pipe', make: fifo('package.json'), ...pipe },
  { name: 'a .gitignore that is a pipe', make: fifo('.gitignore'), ...pipe },
  {
    name: 'a socket',
    make: async (app) => {
      const server = createServer()
      await new Promise<void>((done) => server.listen(join(app, 'socket'), done))
      onTestFinished(() => void server.close())
    },
    message: /"socket" is a socket/,
    hint: /Remove it/,
  },
  {
    name: 'a base directory of ../..',
    make: () => 0,
    flags: ['--base-directory', '../..'],
    message: /"\.\.\/\.\."/,
    ...escapes,
  },
  {
    name: 'an absolute base directory',
    make: () => 0,
    flags: ['--base-directory', '/etc'],
    message: /"\/etc"/,
    ...escapes,
  },
  {
    name: 'a base directory that is a link out',
    make: link('..', 'up'),
    flags: ['--base-directory', 'up'],
    ...leadsOut,
  },
  {
    name: 'a package.json that is not JSON',
    make: (app) => writeFileSync(join(app, 'package.json'), '{ "name": "secret-of-mine'),
    message: /package\.json cannot be read: it is not JSON/,
    hint: /Mend package\.json/,
  },
  {
    name: 'an empty folder',
    make: (app) => {
      for (const name of readdirSync(app)) rmSync(join(app, name))
    },
    code: 'unsupported-runtime-family',
    message: /holds no files/,
    hint: /Name the folder/,
  },
  {
    name: 'a file of 2 GiB',
    make: (app) => {
      writeFileSync(join(app, 'film.mp4'), '')
      truncateSync(join(app, 'film.mp4'), 2 * 1024 * MiB)
    },
    message: /larger than 2 GiB: "film\.mp4" alone has 2 GiB/,
    hint: /Take out .*\.appaloftignore/,
  },
]

describe('a source that is refused', () => {
  it.each(hostile)('$name: a code, words and a hint, nothing written, nothing left', async (one) => {
    const { code = 'source-unreadable', message, hint, flags = [] } = one
    const w = watched()
    await one.make(w.app)
    const before = w.list()

    const plan = await run(['plan', 'app', '--json', ...flags], w)
    expect(plan.code, plan.stderr).toBe(3)
    const [preview] = plan.documents() as unknown as Preview[]
    expect(preview?.readiness.status).toBe('blocked')
    const [reason] = preview?.unsupportedReasons ?? []
    expect(reason).toMatchObject({ code, message: expect.stringMatching(message) })
    expect(reason?.fixPath[0]?.action).toMatch(hint)

    const up = await run(['up', 'app', '--json', ...flags], w)
    expect(up.code, up.stderr).toBe(3)
    const { deployment } = up.documents().at(-1) as unknown as { deployment: Deployment }
    expect(deployment).toMatchObject({ status: 'failed', release: null, accessUrls: [] })
    expect(deployment.failure).toMatchObject({ code, message: expect.stringMatching(message) })
    expect(deployment.failure?.recoveryHint).toMatch(hint)

    const words = await run(['up', 'app', ...flags], w)
    expect(words.code).toBe(3)
    for (const text of [new RegExp(code), message, hint]) expect(words.stdout).toMatch(text)
    for (const { stdout, stderr } of [plan, up, words]) expect(stdout + stderr).not.toMatch(/root:|secret-of-mine/)

    expect(w.list()).toEqual(before)
    expect(processesWith(w.state())).toEqual([])
    for (const { peak } of [plan, up, words]) expect(peak).toBeLessThan(400 * MiB)
  })

  it('changes nothing on the whole machine but its state, as the kernel sees it', { timeout: 300_000 }, async () => {
    const w = watched()
    const trace = join(cli.folder('state'), 'trace')
    const traced = tracer(trace)
    if ('missing' in traced) {
      console.log(`what is written is told by the listings alone: ${traced.missing}`)
      return
    }
    const changedBy = (...argv: string[]) => {
      const [strace = '', ...rest] = [...traced.argv, process.execPath, ...argv]
      const { status } = spawnSync(strace, rest, { env: cli.environment(w.env), cwd: w.cwd, stdio: 'ignore' })
      const paths = changedPaths(readFileSync(trace, 'utf8'), w.cwd)
      return {
        status,
        elsewhere: paths.filter((path) => !path.startsWith(w.state()) && !/^\/(?:dev|proc)\//.test(path)),
      }
    }
    // A trace that sees nothing would prove nothing.
    const script = 'const fs = require("fs"); fs.promises.writeFile("a b", "").then(() => fs.renameSync("a b", "../c"))'
    expect(changedBy('-e', script).elsewhere.sort()).toEqual([join(w.cwd, '../c'), join(w.cwd, 'a b')].sort())
    for (const { name, make, flags = [] } of hostile.filter(({ name }) => !/socket|GiB/.test(name))) {
      rmSync(w.app, { recursive: true })
      writeServer(cli.folder('work/app'))
      await make(w.app)
      for (const verb of ['plan', 'up'])
        expect(changedBy(cli.bin(), verb, w.app, '-q', ...flags), `${verb}: ${name}`).toEqual({
          status: 3,
          elsewhere: [],
        })
    }
  })
})

describe('a source that is odd', () => {
  // Each is whole for a shell: one with an open quote would be a syntax error instead, and prove nothing.
  it.each([
    ['bare', 'a b;touch pwned $(touch pwned) `touch pwned` &touch pwned|touch pwned\ntouch pwned\n>pwned'],
    ['in single quotes', "a' ; touch pwned ; 'b"],
    ['in double quotes', 'a" ; touch pwned ; "b$(touch pwned)'],
    ['as an option', '--help'],
  ])('is deployed from a folder whose name a shell would run %s, and the name is not run', async (_, odd) => {
    const w = watched()
    renameSync(w.app, join(w.cwd, odd))
    const before = w.list('user/home/.npm')
    const up = await run(['up', '--json', '--', odd], w)
    expect(up.code, up.stdout + up.stderr).toBe(0)
    const { deployment } = up.documents().at(-1) as unknown as { deployment: Deployment }
    const answer = await fetch(deployment.accessUrls[0] as string)
    expect(answer.headers.get('x-appaloft-deployment')).toBe(deployment.id)
    expect((await run(['down'], { ...w, cwd: join(w.cwd, odd) })).code).toBe(0)
    // npm keeps its cache and its logs at home; nothing else of the user's was touched.
    expect(w.list('user/home/.npm')).toEqual(before)
    expect(listing(w.state()).filter((line) => /(?:^|\/)pwned /.test(line))).toEqual([])
  })

  it(`is ${soak ? 'deployed' : 'planned'} with a file of 2 GB, in a fraction of that memory`, {
    timeout: 600_000,
  }, async () => {
    const w = watched()
    writeFileSync(join(w.app, 'film.mp4'), '')
    truncateSync(join(w.app, 'film.mp4'), 2_000_000_000)
    const before = w.list('user/home/.npm')
    const plan = await run(['plan', 'app', '--json'], w)
    expect(plan.code, plan.stderr).toBe(0)
    expect(plan.documents()[0]?.source).toMatchObject({ bytes: expect.any(Number) })
    const all = [plan]
    if (soak) {
      const up = await run(['up', 'app', '--json'], w)
      expect(up.code, up.stdout + up.stderr).toBe(0)
      const { deployment } = up.documents().at(-1) as unknown as { deployment: Deployment }
      expect((await fetch(deployment.accessUrls[0] as string)).status).toBe(200)
      all.push(up)
    }
    console.log(`a file of 2 GB: ${all.map(({ peak }) => `${Math.round(peak / MiB)} MiB`).join(' to plan, ')} at most`)
    for (const { peak } of all) expect(peak).toBeLessThan(400 * MiB)
    expect(w.list('user/home/.npm')).toEqual(before)
  })
})
