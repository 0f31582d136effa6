import { execFileSync } from 'node:child_process'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { get } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { createAppaloft, type Deployment, type DeploymentEvent, type ResourceDefinition } from '@appaloft/core'
import type { Address, Proxy } from '@appaloft/core/spec'
import { dockerfile } from '@appaloft/planner-dockerfile'
import { embedded } from '@appaloft/proxy-embedded'
import { sqlite } from '@appaloft/store-sqlite'
import { docker } from '@appaloft/target-docker'
import { keptProxy, shutdown } from '@appaloft/target-process'
import { expect } from 'vitest'

/** Folder of the programs of an engine of the tests' own; undefined: there is none. */
export const parts = process.env.APPALOFT_TEST_PARTS
export const needsOwn = 'needs an engine of the tests’ own: node scripts/engines.mjs'
export const cli = process.env.APPALOFT_TEST_DOCKER ?? 'docker'
export const base = `node:${process.versions.node.split('.')[0]}-slim`

export interface OwnEngine {
  folder: string
  host: string
  start(): Promise<void>
  stop(signal?: string): Promise<void>
  close(): Promise<void>
}

export async function ownEngine(options: { dockerd?: readonly string[]; diskMiB?: number } = {}): Promise<OwnEngine> {
  const program = new URL('../../../../scripts/engines/engine.mjs', import.meta.url).href
  const { startEngine } = (await import(program)) as { startEngine(options: object): Promise<OwnEngine> }
  const engine = await startEngine({ parts, ...options })
  execFileSync('/bin/sh', ['-c', '"$0" save "$1" | "$0" --host "$2" load', cli, base, engine.host], { stdio: 'ignore' })
  return engine
}

export interface Release {
  /** What its server answers. */
  text: string
  /** What takes its time: the build, or the release until it answers. */
  slow?: 'build' | 'boot'
  /** Further steps of its Dockerfile. */
  steps?: string
}

/** What users ask while something breaks. */
export interface Users {
  /** Answers by what they said, and errors by their code. */
  counts: Record<string, number>
  /** Those of a time from now on. */
  begin(): void
  stop(): Promise<void>
}

/** An application, deployed to an engine again and again, and what the engine, the proxy and the record say of it. */
export class ChaosScene {
  readonly appaloft: ReturnType<typeof createAppaloft>
  private address: Address | undefined
  private constructor(
    readonly folder: string,
    readonly engine: OwnEngine,
    readonly proxy: Proxy,
    private readonly kept: boolean,
    private readonly host: string | undefined,
  ) {
    const target = docker({ cli, host: engine.host, proxy, ...(kept ? { proxyContext: keptProxy } : {}) })
    this.appaloft = createAppaloft({
      store: sqlite({ path: join(folder, 'state/appaloft.db') }),
      stateDir: join(folder, 'state'),
      planners: [dockerfile()],
      targets: [target],
    })
  }

  /** @param behind a proxy other than the embedded one, and the hostname that it serves */
  static async open(engine: OwnEngine, behind?: { proxy: Proxy; hostname: string }): Promise<ChaosScene> {
    const folder = await mkdtemp(join(tmpdir(), 'appaloft-chaos-'))
    await mkdir(join(folder, 'app'))
    return new ChaosScene(folder, engine, behind?.proxy ?? embedded(), behind === undefined, behind?.hostname)
  }

  async close(): Promise<void> {
    await this.appaloft.close()
    if (this.kept) await shutdown(join(this.folder, 'state'), { force: true })
    await rm(this.folder, { recursive: true, force: true, maxRetries: 10 })
  }

  async begin({ text, slow, steps = '' }: Release, onEvent?: (event: DeploymentEvent) => void) {
    const server = `require('http').createServer((q, a) => a.end('${text}')).listen(3000); process.on('SIGTERM', () => process.exit(0))`
    const boot = slow === 'boot' ? `setTimeout(() => { ${server} }, 60000)` : server
    await writeFile(join(this.folder, 'app/server.js'), boot)
    const build = slow === 'build' ? 'RUN echo building && sleep 60\n' : ''
    await writeFile(
      join(this.folder, 'app/Dockerfile'),
      `FROM ${base}\nCOPY server.js /srv/\n${build}${steps}EXPOSE 3000\nCMD ["node", "/srv/server.js"]\n`,
    )
    const resource: ResourceDefinition = {
      id: 'res_web',
      source: { kind: 'local-folder', path: join(this.folder, 'app') },
      network: { drainSeconds: 1 },
      health: { startPeriodSeconds: 60 },
      ...(this.host === undefined ? {} : { access: { hostnames: [this.host] } }),
    }
    return await this.appaloft.deployments.create({ resource }, onEvent === undefined ? {} : { onEvent })
  }

  async deploy(release: Release): Promise<Deployment> {
    return await (await this.begin(release)).done
  }

  /** One request, as users make it. */
  async ask(): Promise<{ text: string; by: string | undefined }> {
    // Users know where it listens, whether or not it can be asked.
    this.address ??= (await this.proxy.endpoint('res_web')).address
    if (this.address.kind !== 'tcp') throw new Error('The proxy listens at no port.')
    const { host, port } = this.address
    return await new Promise((resolve, reject) => {
      const headers = { host: this.host ?? `${host}:${port}` }
      const request = get({ host, port, headers, agent: false, timeout: 5_000 }, (answer) => {
        let text = ''
        answer.setEncoding('utf8').on('data', (chunk: string) => {
          text += chunk
        })
        answer.on('error', reject).on('end', () => {
          const by = answer.headers['x-appaloft-deployment']
          if (answer.statusCode === 200) resolve({ text, by: typeof by === 'string' ? by : undefined })
          else reject(new Error(`answered ${answer.statusCode}`))
        })
      })
      request.on('error', reject).on('timeout', () => request.destroy(new Error('no answer in 5 s')))
    })
  }

  /** What users get, as soon as they get something. */
  async served(): Promise<string> {
    const end = performance.now() + 30_000
    for (;;) {
      const answer = await this.ask().catch((error: Error) => error)
      if (!(answer instanceof Error)) return answer.text
      if (performance.now() > end) return answer.message
      await sleep(100)
    }
  }

  users(): Users {
    const users = { counts: {} as Record<string, number> }
    let going = true
    const asking = (async () => {
      while (going) {
        const { counts } = users
        const said = await this.ask().then(
          ({ text }) => text,
          (error: Error) => `error: ${error.message}`,
        )
        counts[said] = (counts[said] ?? 0) + 1
        await sleep(5)
      }
    })()
    return Object.assign(users, {
      begin: () => {
        users.counts = {}
      },
      stop: async () => {
        going = false
        await asking
      },
    })
  }

  docker = (...args: string[]): string[] =>
    execFileSync(cli, ['--host', this.engine.host, ...args], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] })
      .trim()
      .split('\n')
      .filter(Boolean)

  /** The state and the deployment of every container, whatever its state. */
  containers = (): string[] => this.docker('ps', '--all', '--format', '{{.State}} {{.Label "appaloft.deployment"}}')

  /** The record, the engine and the users agree on who is live, and nothing else is left; nothing was said that is not so. */
  async agrees(attempt: Deployment, texts: Record<string, string>): Promise<string> {
    await this.appaloft.reconcile()
    const view = await this.appaloft.deployments.show(attempt.id)
    const { desired, drift } = await this.appaloft.resources.status('res_web')
    const live = desired?.deploymentId ?? ''
    const said = `${view.status}: ${JSON.stringify(view.failure)} ${JSON.stringify(view.rollback)}`
    expect(view.finishedAt, said).not.toBeNull()
    expect(view.status === 'succeeded', said).toBe(live === attempt.id)
    expect(await this.served(), said).toBe(texts[live])
    expect((await this.ask()).by).toBe(live)
    expect(drift).toEqual([])
    expect(this.containers(), said).toEqual([`running ${live}`])
    return view.status
  }
}
