import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { statSync } from 'node:fs'
import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer as createWebServer } from 'node:http'
import { type AddressInfo, createServer, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { createAppaloft, type Deployment, type DeploymentEvent, type ResourceDefinition } from '@appaloft/core'
import { dockerfile } from '@appaloft/planner-dockerfile'
import { image } from '@appaloft/planner-image'
import { node } from '@appaloft/planner-node'
import { staticSite } from '@appaloft/planner-static'
import { sqlite } from '@appaloft/store-sqlite'
import { docker } from '@appaloft/target-docker'
import { fakeProxy } from '../../src/fakes/index.js'

export const haveEngine = process.env.APPALOFT_TEST_ENGINE !== undefined
export const registry = process.env.APPALOFT_TEST_REGISTRY
export const base = `node:${process.versions.node.split('.')[0]}-slim`
export const cli = process.env.APPALOFT_TEST_DOCKER ?? 'docker'

export const run = (...args: string[]): string[] =>
  execFileSync(cli, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] })
    .trim()
    .split('\n')
    .filter(Boolean)

export type Change = Omit<ResourceDefinition, 'source' | 'id'>

/** What is deployed: without an image or files, the base image. */
export interface Application extends Change {
  image?: string
  files?: Record<string, string>
  /** Pulls, also what is on the engine. */
  pull?: true
  /** Where no engine is. */
  host?: string
}

export interface Told {
  deployment: Deployment
  events: { event: DeploymentEvent; at: number }[]
}

/** An engine's scope of the tests' own, what happens in it, and when. */
export class Scene {
  readonly scope = `test-${randomBytes(5).toString('hex')}`
  /** When the last container of a deployment ended. */
  readonly ends = new Map<string, number[]>()
  /** When a registry of the test's last answered. */
  answeredAt = 0
  folder = ''
  private readonly servers: Server[] = []
  private readonly opened: ReturnType<typeof createAppaloft>[] = []
  private readonly composed = new Map<string, ReturnType<typeof createAppaloft>>()
  private watcher: ChildProcess | undefined

  async open(): Promise<void> {
    this.folder = await mkdtemp(join(tmpdir(), 'appaloft-broken-'))
    // The same command, whose last words are kept.
    const said = ['#!/bin/sh', `{ { '${cli}' "$@" 2>&1 1>&3; echo $? > "$0.code"; } | tee "$0.said" >&2; } 3>&1`]
    await writeFile(this.tee, [...said, 'exit "$(cat "$0.code")"', ''].join('\n'))
    await chmod(this.tee, 0o755)
    const filters = ['--filter', `label=appaloft.scope=${this.scope}`, '--filter', 'event=die']
    const child = spawn(cli, ['events', ...filters, '--format', '{{json .}}'], { stdio: ['ignore', 'pipe', 'ignore'] })
    this.watcher = child
    let rest = ''
    child.stdout.on('data', (chunk) => {
      const lines = (rest + chunk).split('\n')
      rest = lines.pop() ?? ''
      for (const line of lines) this.saw(JSON.parse(line))
    })
  }

  private saw(event: { timeNano: number; Actor: { Attributes: Record<string, string> } }): void {
    const id = event.Actor.Attributes['appaloft.deployment'] ?? ''
    this.ends.set(id, [...(this.ends.get(id) ?? []), event.timeNano / 1e6])
  }

  private get tee(): string {
    return join(this.folder, 'docker')
  }

  /** When BuildKit's command had said what it had to say: the engine takes 200 to 400 ms to tell it of a step's end. */
  builtAt(): number {
    return statSync(`${this.tee}.said`).mtimeMs
  }

  private engine({ pull, host }: Application) {
    const key = `${pull ?? false} ${host ?? ''}`
    const present = this.composed.get(key)
    if (present !== undefined) return present
    const name = `state-${this.composed.size}`
    const made = createAppaloft({
      store: sqlite({ path: join(this.folder, `${name}.db`) }),
      stateDir: join(this.folder, name),
      planners: [image(), dockerfile(), node(), staticSite()],
      targets: [
        docker({
          cli: this.tee,
          scope: this.scope,
          pull: pull ? 'always' : 'missing',
          proxy: fakeProxy(),
          baseImage: () => base,
          ...(host === undefined ? {} : { host }),
        }),
      ],
    })
    this.composed.set(key, made)
    this.opened.push(made)
    return made
  }

  async deploy(name: string, application: Application): Promise<Told> {
    const { image: reference, files, pull, host, ...change } = application
    const source: ResourceDefinition['source'] =
      files === undefined
        ? { kind: 'docker-image', image: reference ?? base }
        : { kind: 'local-folder', path: await this.put(name, files) }
    const { network } = change
    const direct = network?.exposure === 'direct-port' && network.hostPort === undefined
    const resource: ResourceDefinition = {
      id: `res_${name}`,
      source,
      ...change,
      ...(direct ? { network: { ...network, hostPort: await this.freePort() } } : {}),
    }
    const events: Told['events'] = []
    const onEvent = (event: DeploymentEvent) => void events.push({ event, at: Date.now() })
    const handle = await this.engine(application).deployments.create({ resource }, { onEvent })
    return { deployment: await handle.done, events }
  }

  private async put(name: string, files: Record<string, string>): Promise<string> {
    const root = join(this.folder, 'sources', name)
    for (const [path, content] of Object.entries(files)) {
      await mkdir(dirname(join(root, path)), { recursive: true })
      await writeFile(join(root, path), content)
    }
    return root
  }

  async listen(server: Server, host = '127.0.0.1'): Promise<number> {
    this.servers.push(server)
    await new Promise<void>((resolve) => server.listen(0, host, resolve))
    return (server.address() as AddressInfo).port
  }

  async freePort(): Promise<number> {
    const server = createServer()
    const port = await this.listen(server, '0.0.0.0')
    await new Promise((resolve) => server.close(resolve))
    return port
  }

  /** A registry that answers every question alike. */
  async answering(status: number, headers: Record<string, string>, code: string): Promise<string> {
    const body = JSON.stringify({ errors: [{ code, message: code.toLowerCase() }] })
    const more = { 'content-type': 'application/json', 'docker-distribution-api-version': 'registry/2.0' }
    const server = createWebServer((_, answer) => {
      answer.writeHead(status, { ...more, ...headers })
      answer.end(body)
      this.answeredAt = Date.now()
    })
    return `127.0.0.1:${await this.listen(server)}`
  }

  /** An image with this folder's files and nothing else, under a name of the scope's. */
  async importImage(tag: string, files: Record<string, string>, ...changes: string[]): Promise<string> {
    const name = `appaloft/${this.scope}:${tag}`
    const folder = await this.put(`image-${tag}`, { '.keep': '', ...files })
    const archive = execFileSync('tar', ['--create', '--directory', folder, '.'])
    const args = ['import', ...changes.flatMap((one) => ['--change', one]), '-', name]
    execFileSync(cli, args, { input: archive, stdio: ['pipe', 'ignore', 'pipe'] })
    return name
  }

  /** Containers under the scope. */
  containers = (): string[] => run('ps', '--all', '--quiet', '--filter', `label=appaloft.scope=${this.scope}`)

  async close(): Promise<void> {
    for (const one of this.opened) await one.close()
    for (const server of this.servers) server.close()
    this.watcher?.kill()
    const labeled = ['--filter', `label=appaloft.scope=${this.scope}`]
    const named = ['--filter', `reference=appaloft/${this.scope}:*`, '--format', '{{.Repository}}:{{.Tag}}']
    for (const name of new Set([...run('images', ...named), ...run('images', '--quiet', ...labeled)]))
      run('rmi', '--force', name)
    for (const name of run('volume', 'ls', ...labeled, '--format', '{{.Name}}')) run('volume', 'rm', name)
    await rm(this.folder, { recursive: true, force: true })
  }
}
