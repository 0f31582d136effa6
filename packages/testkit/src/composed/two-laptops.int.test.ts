import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { caddyProgram, noCaddy, startCaddy, type TestCaddy } from '../../../proxy-caddy/test/caddy.js'
import { cli, haveEngine, nodeImage, removeScope, testEngine, testScope } from '../../../target-docker/test/engine.js'
import { engineSocket } from '../../../target-ssh/test/machine.js'
import { haveSshd, startSshd } from '../../../target-ssh/test/sshd.js'
import type { Laptop } from '../../test/laptop.js'
import { type Program, programs } from '../../test/programs.js'

// Two laptops that deploy to one machine, a process and a store of its own each: a real Docker Engine behind a real Caddy.

const soak = process.env.APPALOFT_SOAK === '1'
const hostname = 'shop.example.test'
const fits = haveEngine && caddyProgram !== null

let ends: (() => Promise<unknown>)[] = []
let caddy: TestCaddy
let scope: string
let make: Awaited<ReturnType<typeof programs>>
let remote: Laptop['remote']

async function open(over: 'here' | 'ssh'): Promise<void> {
  remote = null
  if (over === 'here') return
  const sshd = await startSshd()
  ends.push(() => sshd.close())
  remote = { host: sshd.options(), socket: await engineSocket() }
}

beforeEach(async () => {
  if (!fits) return
  ends = []
  caddy = await startCaddy()
  ends.push(() => caddy.close())
  scope = testScope()
  ends.push(() => removeScope(scope))
  make = await programs('laptop')
  ends.push(() => make.end())
})
afterEach(async () => {
  for (const end of ends.reverse()) await end()
})

interface Someone {
  folder: string
  program: Program
  /** A new process on the same laptop. */
  again(): Promise<Program>
  /** What its server answers, and after how many milliseconds it begins to. */
  writes(text: string, listensAfter?: number): Promise<void>
}

async function laptop(concurrency: Laptop['concurrency'] = 'supersede'): Promise<Someone> {
  const folder = await mkdtemp(join(tmpdir(), 'appaloft-laptop-'))
  ends.unshift(() => rm(folder, { recursive: true, force: true }))
  const app = join(folder, 'app')
  await mkdir(app)
  await writeFile(
    join(app, 'Dockerfile'),
    `FROM ${nodeImage}\nCOPY server.js /\nEXPOSE 3000\nCMD ["node", "/server.js"]\n`,
  )
  const { admin, http, https } = caddy
  const settings: Laptop = {
    folder,
    scope,
    cli,
    caddy: { admin, http, https, root: join(caddy.folder, 'markers') },
    concurrency,
    remote,
    resource: {
      id: 'res_shop',
      source: { kind: 'local-folder', path: app },
      access: { hostnames: [hostname] },
      network: { drainSeconds: 1 },
    },
  }
  const again = async () => {
    const program = make.start('laptop', [JSON.stringify(settings)])
    await program.hear('ready')
    return program
  }
  const writes = (text: string, listensAfter = 0) => {
    const server = `require('node:http').createServer((_, answer) => answer.end('${text}'))`
    return writeFile(join(app, 'server.js'), `setTimeout(() => ${server}.listen(3000), ${listensAfter})\n`)
  }
  return { folder, program: await again(), again, writes }
}

async function deploy(someone: Someone, text: string) {
  await someone.writes(text)
  someone.program.tell('deploy')
  return await someone.program.hear('ended')
}

const ask = (): Promise<string> =>
  new Promise((resolve, reject) => {
    const [host, port] = caddy.http.split(':')
    request({ host, port: Number(port), headers: { host: hostname }, agent: false }, (answer) => {
      let text = ''
      answer.setEncoding('utf8').on('data', (chunk: string) => {
        text += chunk
      })
      answer.on('end', () => resolve(answer.statusCode === 200 ? text : `${answer.statusCode}`)).on('error', reject)
    })
      .on('error', reject)
      .end()
  })

/** Users who ask all the time; what they were answered, each answer once and in its order. */
function users() {
  const answers: string[] = []
  let count = 0
  let on = true
  const asking = (async () => {
    for (; on; await sleep(10)) {
      const answer = await ask().catch((error: unknown) => String(error))
      count++
      if (answers.at(-1) !== answer) answers.push(answer)
    }
  })()
  return async () => {
    on = false
    await asking
    console.log(`${count} requests: ${answers.join(', ')}`)
    return answers
  }
}

/** What is on the machine when nobody works: one container, the fence, and that it was given back. */
async function left(): Promise<{ containers: string[]; volumes: string[] }> {
  const engine = await testEngine()
  try {
    const label = [`appaloft.scope=${scope}`]
    const containers = await engine.containers(label)
    const volumes = await engine.volumes(label)
    return {
      containers: containers.map((one) => one.Labels['appaloft.deployment'] ?? ''),
      volumes: volumes.map(({ Labels: labels }) => labels['appaloft.lease'] ?? labels['appaloft.role'] ?? '').sort(),
    }
  } finally {
    engine.client.close()
  }
}

const close = async ({ child }: Program) => {
  child.send({ is: 'close' })
  await new Promise((resolve) => child.once('exit', resolve))
}

/** Over SSH the machine is told of its releases, too. */
const volumesOf = (way: 'here' | 'ssh', releases = 1) => [
  'fence',
  ...(way === 'ssh' ? Array.from({ length: releases }, () => 'record') : []),
  'released',
]

describe.skipIf(!fits)(
  `two laptops and one machine (needs a Docker Engine: node scripts/engines.mjs; ${noCaddy})`,
  () => {
    const ways = (['here', 'ssh'] as const).filter((way) => way === 'here' || (soak && haveSshd))
    it.each(ways)(
      'one stopped between its last check and its promotion is fenced, ends so, and no request fails (%s)',
      async (way) => {
        await open(way)
        const [a, b] = [await laptop(), await laptop()]
        expect(await deploy(a, 'first')).toMatchObject({ status: 'succeeded' })
        const asked = users()
        await a.writes('of a')
        a.program.tell('deploy', { stop: true })
        await a.program.hear('stopping')
        const newer = await deploy(b, 'of b')
        expect(newer).toMatchObject({ status: 'succeeded' })
        a.program.child.kill('SIGCONT')
        // Its own store knows nothing of the other: what is said there is true all the same.
        const older = await a.program.hear('ended')
        expect(older).toMatchObject({ status: 'interrupted', code: 'fenced', supersededBy: newer?.id })
        expect(await ask()).toBe('of b')
        a.program.tell('reconcile')
        expect(await a.program.hear('reconciled')).toMatchObject({ ended: [], removed: [], routed: [], problems: [] })
        await close(a.program)
        await close(b.program)
        expect(await ask()).toBe('of b')
        expect(await asked()).toEqual(['first', 'of b'])
        expect(await left()).toEqual({ containers: [newer?.id], volumes: volumesOf(way, 2) })
      },
      180_000,
    )

    it('the newer supersedes the older, which gives way', async () => {
      await open('here')
      const [a, b] = [await laptop(), await laptop()]
      expect(await deploy(b, 'first')).toMatchObject({ status: 'succeeded' })
      const asked = users()
      await a.writes('of a', 30_000)
      a.program.tell('deploy')
      await stepOf(a.program, 'health')
      const newer = await deploy(b, 'of b')
      expect(newer).toMatchObject({ status: 'succeeded' })
      expect(await a.program.hear('ended')).toMatchObject({ status: 'superseded', supersededBy: newer?.id })
      await close(a.program)
      await close(b.program)
      expect(await asked()).toEqual(['first', 'of b'])
      expect(await left()).toEqual({ containers: [newer?.id], volumes: volumesOf('here') })
    }, 180_000)

    it.each(soak ? ways : [])(
      'of one that was killed the machine is free after the expiry, and nobody deletes anything (%s)',
      async (way) => {
        await open(way)
        const [a, b] = [await laptop(), await laptop('wait')]
        await a.writes('of a')
        a.program.tell('deploy', { stop: true })
        await a.program.hear('stopping')
        a.program.child.kill('SIGKILL')
        const newer = await deploy(b, 'of b')
        expect(newer).toMatchObject({ status: 'succeeded' })
        const back = await a.again()
        back.tell('reconcile')
        expect(await back.hear('reconciled')).toMatchObject({
          ended: [{ status: 'interrupted' }],
          removed: [],
          routed: [],
        })
        await close(back)
        await close(b.program)
        expect(await ask()).toBe('of b')
        expect(await left()).toEqual({ containers: [newer?.id], volumes: volumesOf(way) })
      },
      180_000,
    )

    it.each(soak ? ways : [])(
      'with wait the second comes after the first, with reject not at all (%s)',
      async (way) => {
        await open(way)
        const [a, b, c] = [await laptop(), await laptop('wait'), await laptop('reject')]
        await a.writes('of a', 8000)
        a.program.tell('deploy')
        await stepOf(a.program, 'health')
        const [second, third] = await Promise.all([deploy(b, 'of b'), deploy(c, 'of c')])
        expect(await a.program.hear('ended')).toMatchObject({ status: 'succeeded' })
        expect(second).toMatchObject({ status: 'succeeded' })
        expect(third).toMatchObject({ status: 'failed', code: 'deployment-in-progress' })
        for (const one of [a, b, c]) await close(one.program)
        expect(await ask()).toBe('of b')
      },
      180_000,
    )
  },
)

async function stepOf(program: Program, step: string): Promise<void> {
  for (;;) {
    const event = await program.hear('event')
    if (event?.type === 'step-started' && event.step === step) return
  }
}
