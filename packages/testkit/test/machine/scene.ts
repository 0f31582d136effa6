import { execFileSync } from 'node:child_process'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import {
  type Appaloft,
  createAppaloft,
  type Deployment,
  type DeploymentEvent,
  type ResourceDefinition,
} from '@appaloft/core'
import { dockerfile } from '@appaloft/planner-dockerfile'
import { caddy } from '@appaloft/proxy-caddy'
import { sqlite } from '@appaloft/store-sqlite'
import { type SshHostOptions, type SshOptions, ssh } from '@appaloft/target-ssh'
import { expect } from 'vitest'
import { startCaddy, type TestCaddy } from '../../../proxy-caddy/test/caddy.js'
import { cli, nodeImage, removeScope, testScope } from '../../../target-docker/test/engine.js'
import { engineSocket } from '../../../target-ssh/test/machine.js'
import { type Sshd, startSshd } from '../../../target-ssh/test/sshd.js'
import { type Wire, wireTo } from '../../../target-ssh/test/wire.js'

const hostname = 'web.example.test'
const resourceId = 'res_web'

export interface Attempted {
  deployment: Deployment
  text: string
}

export interface Watched extends Pick<SshHostOptions, 'connectTimeoutSeconds'> {
  onEvent?(event: DeploymentEvent): void
}

/**
 * A machine behind a real sshd with a Docker Engine and a Caddy, an application that is deployed to it again and again over a wire that
 * breaks, and users who ask for it all the while. Each attempt has an engine of its own, as those of a command have.
 */
export class MachineScene {
  readonly scope = testScope()
  readonly counts: Record<string, number> = {}
  live: Attempted | null = null
  /** What the last deployment that nobody disturbed took. */
  usual = { bytes: 0, milliseconds: 0 }
  #asking = true
  #busy: Promise<void> | undefined

  private constructor(
    readonly folder: string,
    readonly sshd: Sshd,
    readonly wire: Wire,
    readonly program: TestCaddy,
    readonly socket: string,
  ) {}

  static async open(): Promise<MachineScene> {
    const folder = await mkdtemp(join(tmpdir(), 'appaloft-scene-'))
    const sshd = await startSshd()
    const wire = await wireTo(sshd.port)
    const scene = new MachineScene(folder, sshd, wire, await startCaddy(), await engineSocket())
    for (const name of ['app', 'runs']) await mkdir(join(folder, name))
    return scene
  }

  async close(): Promise<void> {
    await this.stopUsers()
    await this.wire.close()
    await this.sshd.close()
    await this.program.close()
    await removeScope(this.scope)
    await rm(this.folder, { recursive: true, force: true })
  }

  engine(options: Partial<SshOptions> = {}): Appaloft {
    const { admin, http, https, folder } = this.program
    const target = ssh({
      host: { ...this.sshd.options(), port: this.wire.port },
      proxy: (machine) => caddy({ admin, http, https, tls: 'off', machine, root: join(folder, 'markers') }),
      socket: this.socket,
      scope: this.scope,
      cli,
      baseImage: () => nodeImage,
      ...options,
    })
    const store = sqlite({ path: join(this.folder, 'state/appaloft.db') })
    return createAppaloft({ stateDir: join(this.folder, 'state'), store, planners: [dockerfile()], targets: [target] })
  }

  /** With a build that is new each time, and a release command that writes down that it ran. */
  async resource(text: string): Promise<ResourceDefinition> {
    const app = join(this.folder, 'app')
    const server = `require('http').createServer((q, a) => a.end('${text}')).listen(3000); process.on('SIGTERM', () => process.exit(0))`
    const release = `const fs = require('fs'); fs.appendFileSync('/runs/' + process.env.APPALOFT_DEPLOYMENT_ID, 'x'); setTimeout(() => console.log('migrated'), 300)`
    await writeFile(join(app, 'server.js'), server)
    await writeFile(join(app, 'release.js'), release)
    const lines = [
      `FROM ${nodeImage}`,
      'COPY . /srv/',
      `RUN echo ${text} && sleep 0.3`,
      'EXPOSE 3000',
      'CMD ["node", "/srv/server.js"]',
    ]
    await writeFile(join(app, 'Dockerfile'), `${lines.join('\n')}\n`)
    return {
      id: resourceId,
      source: { kind: 'local-folder', path: app },
      access: { hostnames: [hostname] },
      network: { drainSeconds: 1 },
      runtime: { releaseCommand: ['node', '/srv/release.js'] },
      binds: [{ source: join(this.folder, 'runs'), path: '/runs' }],
    }
  }

  /** @param during told when the attempt begins. */
  async deploy(text: string, during?: () => void, more: Watched = {}): Promise<Attempted> {
    const resource = await this.resource(text)
    const { onEvent, ...host } = more
    const engine = this.engine({ host: { ...this.sshd.options(), port: this.wire.port, ...host } })
    try {
      const [passed, began] = [this.wire.bytes(), performance.now()]
      during?.()
      const deployment = await (await engine.deployments.create({ resource }, onEvent === undefined ? {} : { onEvent }))
        .done
      if (during === undefined)
        this.usual = { bytes: this.wire.bytes() - passed, milliseconds: performance.now() - began }
      return { deployment, text }
    } finally {
      await engine.close()
    }
  }

  async ask(): Promise<{ text: string; by: string | undefined }> {
    const [host, port] = this.program.http.split(':')
    return await new Promise((resolve, reject) => {
      const options = { host, port: Number(port), headers: { host: hostname }, agent: false as const, timeout: 10_000 }
      const call = request(options, (answer) => {
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
      call.on('error', reject).on('timeout', () => call.destroy(new Error('no answer in 10 s')))
      call.end()
    })
  }

  startUsers(): void {
    this.#busy = (async () => {
      for (; this.#asking; await sleep(15)) {
        const said = await this.ask().then(
          ({ text }) => text,
          (error: Error) => `error: ${error.message}`,
        )
        this.counts[said] = (this.counts[said] ?? 0) + 1
      }
    })()
  }

  async stopUsers(): Promise<void> {
    this.#asking = false
    await this.#busy
  }

  /** By label, whatever their state. */
  containers(): string[] {
    const format = '{{.State}} {{.Label "appaloft.role"}} {{.Label "appaloft.deployment"}}'
    const args = ['--host', `unix://${this.socket}`, 'ps', '--all', '--format', format]
    const out = execFileSync(cli, [...args, '--filter', `label=appaloft.scope=${this.scope}`], { encoding: 'utf8' })
    return out.trim().split('\n').filter(Boolean)
  }

  runs = (id: string): Promise<number> =>
    readFile(join(this.folder, 'runs', id), 'utf8').then(
      (text) => text.length,
      () => 0,
    )

  /** What is said of an attempt that was cut is so: the record, the engine, the proxy and the users agree. Answers how it ended. */
  async agrees({ deployment, text }: Attempted): Promise<string> {
    const { id } = deployment
    const engine = this.engine()
    try {
      await engine.reconcile()
      const view = await engine.deployments.show(id)
      const said = `${view.status}: ${JSON.stringify(view.failure)} ${JSON.stringify(view.rollback)}`
      expect(view.finishedAt, said).not.toBeNull()
      if (view.status === 'succeeded') this.live = { deployment: view, text }
      else expect(['failed', 'interrupted'], said).toContain(view.status)
      expect(await this.runs(id), said).toBeLessThanOrEqual(1)
      if (view.status === 'succeeded') expect(await this.runs(id), said).toBe(1)
      const live = this.live?.deployment.id
      expect(await this.ask(), said).toEqual({ text: this.live?.text, by: live })
      expect(this.containers(), said).toEqual([`running instance ${live}`])
      const { desired, drift } = await engine.resources.status(resourceId)
      expect([desired?.deploymentId, drift], said).toEqual([live, []])
      return view.status === 'succeeded'
        ? 'succeeded'
        : `${view.status} (${view.failure?.code}: ${view.failure?.message})`
    } finally {
      await engine.close()
    }
  }
}
