import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { request } from 'node:http'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import {
  type Address,
  AppaloftError,
  type BuildInput,
  type BuildResult,
  type ErrorCode,
  type LogLine,
  type Plan,
  type ReleaseInput,
  type RunningRef,
  type RunningState,
  type Target,
} from '@appaloft/core/spec'
import { sampleId, samplePlan, sampleRelease } from '../../fakes/records.js'
import type { SampleApp, TargetSamples } from './samples.js'

/** A machine with a target on it. */
export interface TargetSubject {
  /** Opened. */
  target: Target
  /** Another target object for the same machine, opened: what another engine would compose. */
  again(): Promise<Target>
  /** Ends everything that was started on the machine and removes it. */
  close(): Promise<void>
}

/** Makes a machine of its own for each case, with nothing on it. */
export interface TargetFactory {
  create(): Promise<TargetSubject>
  samples: TargetSamples
  /** How long a case waits for what it expects, in milliseconds. Default 10,000. */
  patienceMs?: number
}

/** What a target declares, as words for `requires`. */
export const targetAbilities = (target: Target): string[] => [
  ...target.capabilities.artifactKinds,
  ...target.capabilities.exposures.map((one) => `exposure:${one}`),
  ...(['overlap', 'exec', 'volumes', 'replicas'] as const).filter((name) => target.capabilities[name]),
  `network:${target.capabilities.network}`,
  `fencing:${target.capabilities.fencing}`,
  ...(target.lease === undefined ? [] : ['lease']),
  ...(target.records === undefined ? [] : ['records']),
]

/** What one case works with: a machine, sample applications, and everything that it must clean up. */
export class Stage {
  readonly folders: string[] = []
  /** What builds keep outside the machine, an earlier run may have left: its inputs were others. */
  readonly #run = randomUUID()

  constructor(
    readonly machine: TargetSubject,
    readonly samples: TargetSamples,
    readonly patienceMs: number,
  ) {}

  get target(): Target {
    return this.machine.target
  }

  /** `dep` 1 is the first attempt, and its release is `rel` 1. */
  ref(number: number, resourceId = 'res_web'): RunningRef {
    return { resourceId, deploymentId: sampleId('dep', number), releaseId: sampleId('rel', number) }
  }

  plan(app: SampleApp, overrides: Partial<Plan> = {}): Plan {
    const command = (given: SampleApp['start']) =>
      given === undefined ? undefined : { command: given, from: 'profile' as const }
    const commands = { install: command(app.install), build: command(app.build), start: command(app.start) }
    return samplePlan({
      target: this.target.key,
      artifact: app.artifact,
      commands: Object.fromEntries(Object.entries(commands).filter(([, one]) => one !== undefined)),
      ...overrides,
    })
  }

  /** A folder with the application, as the engine hands it over. */
  async source(app: SampleApp): Promise<string> {
    const folder = await mkdtemp(join(tmpdir(), 'appaloft-source-'))
    this.folders.push(folder)
    for (const [name, content] of Object.entries(app.files)) {
      await mkdir(dirname(join(folder, name)), { recursive: true })
      await writeFile(join(folder, name), content)
    }
    return folder
  }

  async buildInput(app: SampleApp, overrides: Partial<BuildInput> = {}): Promise<BuildInput> {
    const plan = overrides.plan ?? this.plan(app)
    return {
      ...this.ref(1, plan.resourceId),
      token: 1,
      signal: new AbortController().signal,
      log: () => undefined,
      plan,
      sourceDirectory: overrides.sourceDirectory ?? (await this.source(app)),
      environment: {},
      secretNames: [],
      noCache: false,
      ...overrides,
      inputsDigest: `${this.#run} ${overrides.inputsDigest ?? JSON.stringify([app, plan.artifact, plan.commands])}`,
    }
  }

  async build(app: SampleApp, overrides: Partial<BuildInput> = {}): Promise<BuildResult> {
    return await this.target.build(await this.buildInput(app, overrides))
  }

  /** What `start` is given for this attempt; what is to be built was. */
  releaseInput(number: number, plan: Plan, built: BuildResult, overrides: Partial<ReleaseInput> = {}): ReleaseInput {
    const ref = this.ref(number, plan.resourceId)
    const ids = {
      APPALOFT_DEPLOYMENT_ID: ref.deploymentId,
      APPALOFT_RESOURCE_ID: ref.resourceId,
      APPALOFT_RELEASE_ID: ref.releaseId,
    }
    return {
      ...ref,
      token: 1,
      signal: new AbortController().signal,
      log: () => undefined,
      release: sampleRelease({
        id: ref.releaseId,
        resourceId: ref.resourceId,
        deploymentId: ref.deploymentId,
        target: this.target.key,
        plan,
        artifact: built.artifact,
      }),
      secretNames: [],
      ...overrides,
      environment: { ...ids, ...overrides.environment },
    }
  }

  /** The same, on the machine that is to run it. */
  async uploaded(
    number: number,
    plan: Plan,
    built: BuildResult,
    overrides: Partial<ReleaseInput> = {},
  ): Promise<ReleaseInput> {
    const input = this.releaseInput(number, plan, built, overrides)
    await this.target.upload(input)
    return input
  }

  /** Builds, uploads and starts it. */
  async deploy(
    app: SampleApp,
    options: { number?: number; plan?: Partial<Plan>; input?: Partial<ReleaseInput> } = {},
  ): Promise<ReleaseInput> {
    const number = options.number ?? 1
    const plan = this.plan(app, options.plan)
    const token = options.input?.token ?? 1
    const built = await this.build(app, { plan, ...this.ref(number, plan.resourceId), token })
    const input = await this.uploaded(number, plan, built, options.input)
    await this.target.start(input)
    return input
  }

  async lines(ref: RunningRef, options: { tail?: number } = {}): Promise<string[]> {
    const lines: string[] = []
    for await (const line of this.target.logs(ref, options)) lines.push(line.text)
    return lines
  }

  /** Waits for a line of the release's output. */
  async printed(ref: RunningRef, text: string): Promise<string[]> {
    return await this.until(`the line ${text}`, async () => {
      const lines = await this.lines(ref)
      return lines.some((line) => line.startsWith(text)) ? lines : null
    })
  }

  async inState(ref: RunningRef, state: RunningState['state']): Promise<RunningState> {
    return await this.until(`the state ${state}`, async () => {
      const found = await this.target.inspect(ref)
      return found.state === state ? found : null
    })
  }

  /** Where the release answers its first request. */
  async answers(ref: RunningRef, target = this.target): Promise<{ address: Address; body: string }> {
    return await this.until('an answer', async () => {
      const [address] = (await target.reach(ref, 80)).probe
      const body = address === undefined ? null : await ask(address).catch(() => null)
      return address === undefined || body === null ? null : { address, body }
    })
  }

  /** Asks until the answer is not null. */
  async until<T>(what: string, look: () => Promise<T | null>): Promise<T> {
    const end = performance.now() + this.patienceMs
    for (;;) {
      const found = await look()
      if (found !== null) return found
      if (performance.now() > end) assert.fail(`waited ${this.patienceMs} ms for ${what}`)
      await sleep(10)
    }
  }
}

/** The body of one GET, whatever the status. */
export function ask(address: Address, path = '/'): Promise<string> {
  const where = address.kind === 'tcp' ? { host: address.host, port: address.port } : { socketPath: address.path }
  return new Promise((resolve, reject) => {
    const call = request({ ...where, path, agent: false, timeout: 5_000 }, (answer) => {
      let text = ''
      answer.setEncoding('utf8')
      answer.on('data', (chunk: string) => {
        text += chunk
      })
      answer.on('end', () => resolve(text))
      answer.on('error', reject)
    })
    call.on('timeout', () => call.destroy(new Error('no answer')))
    call.on('error', reject)
    call.end()
  })
}

/** Runs a case on a machine of its own, and leaves nothing behind. */
export const staged =
  (act: (stage: Stage) => Promise<void>) =>
  async (factory: TargetFactory): Promise<void> => {
    const machine = await factory.create()
    const stage = new Stage(machine, factory.samples, factory.patienceMs ?? 10_000)
    try {
      await act(stage)
    } finally {
      await machine.close()
      for (const folder of stage.folders) await rm(folder, { recursive: true, force: true })
    }
  }

/** The SDK's error with one of these codes, or the case fails. */
export async function refused(act: () => Promise<unknown>, ...codes: ErrorCode[]): Promise<AppaloftError> {
  const error = await act().then(
    () => assert.fail(`expected ${codes.join(' or ')}, and it was accepted`),
    (reason: unknown) => reason,
  )
  assert.ok(AppaloftError.isInstance(error), `expected ${codes.join(' or ')}, got ${String(error)}`)
  assert.ok(codes.includes(error.code), `expected ${codes.join(' or ')}, got ${error.code}: ${error.message}`)
  return error
}

export const collected = (): { lines: LogLine[]; log(line: LogLine): void } => {
  const lines: LogLine[] = []
  return { lines, log: (line) => lines.push(line) }
}

/** Is there a process of this number that has not ended? A zombie has. */
export async function processLives(pid: number): Promise<boolean> {
  try {
    const text = await readFile(`/proc/${pid}/stat`, 'utf8')
    return !/^[ZX]/.test(text.slice(text.lastIndexOf(')') + 2))
  } catch {
    return false
  }
}
