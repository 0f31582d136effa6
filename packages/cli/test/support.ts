import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { memoryStore } from '@appaloft/core'
import type {
  Appaloft,
  Deployment,
  DeploymentEvent,
  DeploymentHandle,
  Deployments,
  Envelope,
  NewEvent,
  Preview,
  Resources,
  Store,
  Target,
} from '@appaloft/core/spec'
import { onTestFinished } from 'vitest'
import { runCli } from '../src/cli.js'
import type { Deps } from '../src/context.js'
import type { DetachAnswer, Job } from '../src/detach.js'
import type { Io } from '../src/io/io.js'
import type { Output } from '../src/io/output.js'
import type { StopSignal } from '../src/io/signals.js'
import type { Machine } from '../src/service/machine.js'
import type { TargetPart } from '../src/targets/part.js'

export const temporaryFolder = (): string => {
  const folder = mkdtempSync(join(tmpdir(), 'appaloft-cli-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true, maxRetries: 10 }))
  return folder
}

export class MemoryOutput implements Output {
  text = ''
  dead = false
  columns = 100
  rows = 30
  readonly isTTY: boolean
  readonly #listeners = new Set<() => void>()

  constructor(isTTY = false) {
    this.isTTY = isTTY
  }

  get lines(): string[] {
    return this.text.split('\n').slice(0, -1)
  }

  write(text: string): void {
    if (!this.dead) this.text += text
  }

  drained(): Promise<void> {
    return Promise.resolve()
  }

  onDead(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** The reader goes away. */
  die(): void {
    this.dead = true
    for (const listener of this.#listeners) listener()
  }
}

export class FakeSignals {
  listener: ((signal: StopSignal) => void) | undefined
  stopped: StopSignal | undefined

  hold(listener: (signal: StopSignal) => void): () => void {
    this.listener = (signal) => {
      this.stopped = signal
      listener(signal)
    }
    return () => {
      this.listener = undefined
    }
  }
}

export interface World {
  stdout: MemoryOutput
  stderr: MemoryOutput
  signals: FakeSignals
  jobs: Job[]
  /** How often an engine was made, and how often one was closed. */
  composed: { stateDir: string }[]
  closed: number
  store: Store
  run(...argv: string[]): Promise<number>
  /** The JSON documents on stdout; throws where a line is none. */
  documents(): Record<string, unknown>[]
}

export interface WorldOptions {
  cwd?: string
  env?: Record<string, string>
  tty?: boolean
  stdin?: string
  engine?: { deployments?: Partial<Deployments>; resources?: Partial<Resources> } & Partial<
    Omit<Appaloft, 'deployments' | 'resources'>
  >
  store?: Store
  targets?: readonly Target[]
  /** Keys of those behind SSH that are asked for. */
  machines?: readonly string[]
  parts?: readonly TargetPart[]
  detach?: (job: Job) => Promise<DetachAnswer>
  machine?: Partial<Machine>
}

/** A command line with everything around it in memory. What the test did not script is refused. */
export function world(options: WorldOptions = {}): World {
  const stdout = new MemoryOutput(options.tty)
  const stderr = new MemoryOutput(options.tty)
  const signals = new FakeSignals()
  const store = options.store ?? memoryStore()
  const folder = options.cwd ?? temporaryFolder()
  const io: Io = {
    stdout,
    stderr,
    signals,
    stdin: {
      isTTY: options.tty === true,
      readAll: async () => options.stdin ?? '',
      askHidden: async () => options.stdin ?? '',
    },
    env: options.env ?? {},
    cwd: folder,
    now: () => performance.now(),
  }
  const result: World = {
    stdout,
    stderr,
    signals,
    store,
    jobs: [],
    composed: [],
    closed: 0,
    run: (...argv) => runCli(argv, deps),
    documents: () => stdout.lines.map((line) => JSON.parse(line) as Record<string, unknown>),
  }
  const engine = {
    ...options.engine,
    deployments: scripted('deployments', options.engine?.deployments),
    resources: scripted('resources', options.engine?.resources),
    close: async () => {
      result.closed += 1
    },
  } as Appaloft
  const deps: Deps = {
    io,
    compose: async ({ stateDir }) => {
      result.composed.push({ stateDir })
      const { targets = [], machines = [], parts = [] } = options
      return { engine, store, targets, stateDir, machines, parts }
    },
    detach: async (job) => {
      result.jobs.push(job)
      return options.detach?.(job) ?? { deploymentId: deploymentId }
    },
    defaultStateDir: () => join(folder, '.state'),
    machine: {
      program: ['/usr/bin/node', '/opt/appaloft/bin.js'],
      uid: 1000,
      username: 'someone',
      systemUnits: join(folder, 'units'),
      booted: true,
      run: async (file, args) => {
        throw new Error(`the test did not expect ${[file, ...args].join(' ')}`)
      },
      ...options.machine,
    },
  }
  return result
}

function scripted<T extends object>(name: string, parts: Partial<T> = {}): T {
  return new Proxy(parts as T, {
    get(target, key) {
      const found = Reflect.get(target, key)
      if (found === undefined) throw new Error(`the test did not expect ${name}.${String(key)}`)
      return found
    },
  })
}

export const deploymentId = 'dep_01k0000000000000000000000a'
export const releaseId = 'rel_01k0000000000000000000000a'

export const aDeployment = (parts: Partial<Deployment> = {}): Deployment => ({
  id: deploymentId,
  resourceId: 'res_web',
  status: 'succeeded',
  currentPhase: 'verify',
  sourceSummary: { kind: 'local-folder', name: 'web', baseDirectory: '.' },
  recoveryHint: null,
  trigger: 'create',
  target: 'process',
  release: { id: releaseId, createdAt: '2026-01-01T00:00:01.000Z', live: true, deploymentId },
  checks: {
    process: { status: 'passed', attempts: 1, evidence: [], observedAt: '2026-01-01T00:00:02.000Z' },
    health: {
      status: 'passed',
      attempts: 2,
      evidence: [{ kind: 'response', signal: 'GET /', value: 200 }],
      observedAt: '2026-01-01T00:00:02.000Z',
    },
  },
  warnings: [],
  failure: null,
  rollback: null,
  accessUrls: ['http://127.0.0.1:4000'],
  createdAt: '2026-01-01T00:00:00.000Z',
  startedAt: '2026-01-01T00:00:00.000Z',
  finishedAt: '2026-01-01T00:00:03.500Z',
  planFingerprint: 'f'.repeat(64),
  supersededBy: null,
  recoveredBy: null,
  sourceDeploymentId: null,
  rolloutId: null,
  nextActions: [],
  ...parts,
})

export const events = (...found: Omit<NewEvent, 'at' | 'data'>[]): DeploymentEvent[] =>
  found.map((event, index) => ({
    at: new Date(Date.UTC(2026, 0, 1, 0, 0, index)).toISOString(),
    data: {},
    ...event,
    deploymentId,
    sequence: index + 1,
  }))

export async function* envelopesOf(found: readonly DeploymentEvent[]): AsyncIterableIterator<Envelope> {
  for (const event of found) yield { kind: 'event', cursor: String(event.sequence), event }
  yield { kind: 'closed', reason: 'completed', cursor: String(found.length) }
}

export const aHandle = (deployment: Deployment, found: readonly DeploymentEvent[] = []): DeploymentHandle => ({
  id: deployment.id,
  promoted: Promise.resolve(),
  done: Promise.resolve(deployment),
  events: () => envelopesOf(found),
})

export const aPreview = (parts: Partial<Preview> = {}): Preview => ({
  schemaVersion: 1,
  fingerprint: 'f'.repeat(64),
  readiness: { status: 'ready' },
  source: { kind: 'local-folder', digest: 'd'.repeat(64), name: 'web', baseDirectory: '.', files: 3 },
  evidence: [{ kind: 'script', file: 'package.json', signal: 'scripts.start', value: 'node server.js' }],
  planner: { key: 'node', supportTier: 'generic', reason: 'a start script' },
  candidates: [],
  artifact: { kind: 'workspace', installDirectory: '.', workingDirectory: '.' },
  generatedFiles: [],
  commands: { start: { command: 'node server.js', from: 'planner' } },
  network: {
    internalPort: 3000,
    from: 'planner',
    honoursPort: true,
    upstreamProtocol: 'http',
    exposure: 'proxy',
    drainSeconds: 30,
  },
  health: null,
  access: null,
  steps: [{ id: 'build.install', step: 'build', title: 'Install', when: 'unless-cached', reversible: true }],
  warnings: [],
  unsupportedReasons: [],
  generatedAt: '2026-01-01T00:00:00.000Z',
  ...parts,
})

export interface Deferred<T> {
  promise: Promise<T>
  resolve(value: T): void
}

/** A promise that the test settles. */
export function deferred<T>(): Deferred<T> {
  let resolve: (value: T) => void = () => {}
  const promise = new Promise<T>((done) => {
    resolve = done
  })
  return { promise, resolve }
}
