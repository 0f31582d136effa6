import { execFileSync } from 'node:child_process'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { createAppaloft, type Deployment } from '@appaloft/core'
import { dockerfile } from '@appaloft/planner-dockerfile'
import { embedded } from '@appaloft/proxy-embedded'
import { sqlite } from '@appaloft/store-sqlite'
import { docker } from '@appaloft/target-docker'
import { keptProxy, shutdown } from '@appaloft/target-process'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'

// A Docker Engine that dies under a deployment: one of the test's own, never the one that is here.

const parts = process.env.APPALOFT_TEST_PARTS
const cli = process.env.APPALOFT_TEST_DOCKER ?? 'docker'
const base = `node:${process.versions.node.split('.')[0]}-slim`

interface OwnEngine {
  host: string
  start(): Promise<void>
  stop(signal?: string): Promise<void>
  close(): Promise<void>
}

let folder = ''
let engine: OwnEngine
let appaloft: ReturnType<typeof createAppaloft>

async function open(dockerd: string[]): Promise<void> {
  const program = new URL('../../../../scripts/engines/engine.mjs', import.meta.url).href
  const { startEngine } = (await import(program)) as { startEngine(options: object): Promise<OwnEngine> }
  engine = await startEngine({ parts, dockerd })
  execFileSync('/bin/sh', ['-c', '"$0" save "$1" | "$0" --host "$2" load', cli, base, engine.host], { stdio: 'ignore' })
  const target = docker({ cli, host: engine.host, proxy: embedded(), proxyContext: keptProxy })
  appaloft = createAppaloft({
    store: sqlite({ path: join(folder, 'state/appaloft.db') }),
    stateDir: join(folder, 'state'),
    planners: [dockerfile()],
    targets: [target],
  })
}

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'appaloft-chaos-'))
  await mkdir(join(folder, 'app'))
})
afterEach(async () => {
  await appaloft?.close()
  await shutdown(join(folder, 'state'), { force: true })
  await engine?.close()
  await rm(folder, { recursive: true, force: true })
})

/** @param slow what takes its time: the build, or the release until it answers */
async function begin(text: string, slow?: 'build' | 'boot') {
  const server = `require('http').createServer((q, a) => a.end('${text}')).listen(3000); process.on('SIGTERM', () => process.exit(0))`
  const boot = slow === 'boot' ? `setTimeout(() => { ${server} }, 60000)` : server
  await writeFile(join(folder, 'app/server.js'), boot)
  const build = slow === 'build' ? 'RUN echo building && sleep 60\n' : ''
  await writeFile(
    join(folder, 'app/Dockerfile'),
    `FROM ${base}\nCOPY server.js /srv/\n${build}EXPOSE 3000\nCMD ["node", "/srv/server.js"]\n`,
  )
  return await appaloft.deployments.create({
    resource: {
      id: 'res_web',
      source: { kind: 'local-folder', path: join(folder, 'app') },
      network: { drainSeconds: 1 },
      health: { startPeriodSeconds: 60 },
    },
  })
}

async function served(view: Deployment): Promise<string> {
  const [url = ''] = view.accessUrls
  const end = performance.now() + 30_000
  for (;;) {
    const body = await fetch(url, { signal: AbortSignal.timeout(2_000) }).then(
      (answer) => (answer.ok ? answer.text() : null),
      () => null,
    )
    if (body !== null || performance.now() > end) return body ?? 'nobody answers'
    await sleep(100)
  }
}

const containers = () =>
  execFileSync(cli, ['--host', engine.host, 'ps', '--all', '--format', '{{.State}}'], { encoding: 'utf8' })
    .trim()
    .split('\n')

describe.skipIf(parts === undefined)(
  'an engine that dies (needs one of the tests’ own: node scripts/engines.mjs)',
  () => {
    it.each([
      ['without live-restore', [], 'SIGTERM'],
      ['with live-restore', ['--live-restore'], 'SIGTERM'],
      ['by a crash', [], 'SIGKILL'],
    ] as const)(
      'stopped and started %s, the live release answers where it did',
      async (_, dockerd, signal) => {
        await open([...dockerd])
        const first = await (await begin('first')).done
        expect(first).toMatchObject({ status: 'succeeded' })
        await engine.stop(signal)
        if (dockerd.length > 0 && signal === 'SIGTERM') expect(containersLive()).toBe(true)
        await engine.start()
        // After a crash the engine ends what it finds running and starts none of it again, whatever its restart policy.
        if (signal === 'SIGKILL') await appaloft.reconcile()
        expect(await served(first)).toBe('first')
        const second = await (await begin('second')).done
        expect(second).toMatchObject({ status: 'succeeded' })
        expect(await served(second)).toBe('second')
        expect(containers()).toEqual(['running'])
      },
      180_000,
    )

    it.each(['build', 'boot'] as const)(
      'killed in the middle of a slow %s: a truthful end, and the old release serves',
      async (slow) => {
        await open([])
        const first = await (await begin('first')).done
        expect(first).toMatchObject({ status: 'succeeded' })
        const attempt = await begin('second', slow)
        for await (const envelope of attempt.events()) {
          if (envelope.kind !== 'event') continue
          const { type, step, phase, message } = envelope.event
          const there =
            slow === 'build' ? type === 'log' && message === 'building' : type === 'phase-started' && phase === 'verify'
          if (there || (type === 'deployment-finished' && step === undefined)) break
        }
        await engine.stop('SIGKILL')
        const second = await attempt.done
        expect(second.status).toBe('failed')
        expect(second.failure?.code).toBe('runtime-backend-unavailable')
        await engine.start()
        await appaloft.reconcile()
        expect(await served(first)).toBe('first')
        const third = await (await begin('third')).done
        expect(third).toMatchObject({ status: 'succeeded' })
        expect(await served(third)).toBe('third')
        expect(containers()).toEqual(['running'])
      },
      180_000,
    )
  },
)

/** Its processes outlive the engine. */
function containersLive(): boolean {
  return execFileSync('ps', ['-eo', 'args'], { encoding: 'utf8' }).includes('node /srv/server.js')
}
