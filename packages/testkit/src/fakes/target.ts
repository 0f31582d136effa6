import { setTimeout as sleep } from 'node:timers/promises'
import {
  AppaloftError,
  type BuildInput,
  type BuildResult,
  type CallOptions,
  type Command,
  type CommandResult,
  type EffectContext,
  type ErrorCode,
  type LogLine,
  type PlannedCommand,
  type PlanStep,
  type Proxy,
  type ReleaseInput,
  type RunningRef,
  reason,
  type Target,
  type TargetCapabilities,
  type TargetDescription,
} from '@appaloft/core/spec'
import { FakeApp } from './app.js'
import { fakeProxy } from './proxy.js'
import { type FakeScript, parseScript, printedLines } from './script.js'
import { fakeRecords } from './target-records.js'
import { FakeWorld } from './world.js'

export interface FakeTargetOptions {
  /** Default `fake`. */
  key?: string
  /** Default: one of its own. */
  world?: FakeWorld
  /** Default: a `fakeProxy` on the same world. Null: none, and exposure `proxy` is not offered. */
  proxy?: Proxy | null
  capabilities?: Partial<TargetCapabilities>
  /** Does the world keep records of the releases? Default true. */
  records?: boolean
  /** How the application of a release behaves, over what its start command says. */
  behaviour?(input: ReleaseInput): Partial<FakeScript>
}

export type FakeTarget = Target & { readonly world: FakeWorld }

const steps: PlanStep[] = [
  { id: 'build', step: 'build', title: 'Build', when: 'unless-cached', reversible: true },
  { id: 'start', step: 'start', title: 'Start the release', when: 'always', reversible: true },
]

/** A target in memory whose releases are real HTTP servers in this process, told by their start command what to do (see `parseScript`). */
export function fakeTarget(options: FakeTargetOptions = {}): FakeTarget {
  const world = options.world ?? new FakeWorld()
  const proxy = options.proxy === undefined ? fakeProxy({ world }) : options.proxy
  const capabilities: TargetCapabilities = {
    artifactKinds: ['static-site', 'workspace'],
    exposures: proxy === null ? ['direct-port', 'none'] : ['proxy', 'direct-port', 'none'],
    overlap: true,
    network: 'shared',
    upstreamProtocols: ['http', 'tcp'],
    healthCommand: true,
    replicas: false,
    limits: false,
    volumes: true,
    binds: false,
    exec: true,
    clearEnvironment: null,
    fencing: 'compare',
    ...options.capabilities,
  }
  const find = (ref: RunningRef) => world.app(ref.deploymentId, ref.releaseId)
  const key = (ref: RunningRef) => `${ref.deploymentId}/${ref.releaseId}`
  const told = (method: string, ref: RunningRef, rest: { token?: number } & CallOptions = {}) => ({
    part: 'target' as const,
    method,
    resourceId: ref.resourceId,
    deploymentId: ref.deploymentId,
    ...(rest.token === undefined ? {} : { token: rest.token }),
    ...(rest.signal === undefined ? {} : { signal: rest.signal }),
  })
  /** An effect: refused below the fence, where it happens. */
  const effect = <T>(method: string, ref: RunningRef, token: number, call: CallOptions, act: () => T | Promise<T>) =>
    world.call(told(method, ref, { token, ...call }), () => {
      world.targetMarks.check(ref.resourceId, token)
      return act()
    })

  return {
    specVersion: 1,
    key: options.key ?? 'fake',
    capabilities,
    proxy,
    world,
    ...(options.records === false ? {} : { records: fakeRecords(world) }),

    describe: (plan, previous): TargetDescription => ({
      steps,
      generatedFiles: [],
      warnings: previous !== undefined && !plan.overlap ? [reason('no-overlap')] : [],
      unsupportedReasons: capabilities.artifactKinds.includes(plan.artifact.kind)
        ? []
        : [reason('unsupported-runtime-target')],
    }),

    mark: (resourceId, call = {}) =>
      world.call({ part: 'target', method: 'mark', resourceId, ...call }, () => world.targetMarks.read(resourceId)),

    fence: (resourceId, token, { signal, ...rest }) =>
      world.call({ part: 'target', method: 'fence', resourceId, token, ...(signal ? { signal } : {}) }, () =>
        world.targetMarks.raise(resourceId, token, rest),
      ),

    lease: {
      read: (resourceId, call = {}) =>
        world.call({ part: 'target', method: 'lease.read', resourceId, ...call }, () =>
          world.targetMarks.lease(resourceId),
        ),
      beat: (resourceId, token, call = {}) =>
        world.call({ part: 'target', method: 'lease.beat', resourceId, token, ...call }, () =>
          world.targetMarks.beat(resourceId, token),
        ),
      ask: (resourceId, token, by, call = {}) =>
        world.call({ part: 'target', method: 'lease.ask', resourceId, token, ...call }, () =>
          world.targetMarks.ask(resourceId, token, by),
        ),
      release: (resourceId, token, call = {}) =>
        world.call({ part: 'target', method: 'lease.release', resourceId, token, ...call }, () =>
          world.targetMarks.release(resourceId, token),
        ),
    },

    probe: (call = {}) =>
      world.call({ part: 'target', method: 'probe', ...call }, () => ({
        ok: true,
        checks: [{ id: 'machine', status: 'passed' as const, message: 'The fake machine is ready.' }],
      })),

    build: (input) => effect('build', input, input.token, input, () => build(world, input)),

    upload: (input) => effect('upload', input, input.token, input, () => undefined),

    run: (input, command) =>
      effect('run', input, input.token, input, () => runCommand(command, input.environment, input, input.log)),

    start: (input) =>
      effect('start', input, input.token, input, async () => {
        const existing = find(input)
        if (existing !== undefined) return
        const { build: built } = input.release.artifact
        if (typeof built === 'string' && !world.built.has(built))
          throw new AppaloftError('release-not-found', { message: 'What was built for this release is gone.' })
        const script = { ...parseScript(input.release.plan.commands.start?.command), ...options.behaviour?.(input) }
        const app = new FakeApp(input, script)
        for (const volume of input.release.plan.volumes) {
          const names = world.volumes.get(input.resourceId) ?? new Set()
          world.volumes.set(input.resourceId, names.add(volume.name))
        }
        world.apps.set(key(input), app)
        await app.start()
      }),

    exec: (ref, command, call = {}) =>
      world.call(told('exec', ref, call), async () => {
        const app = find(ref)
        if (app?.state !== 'running')
          throw new AppaloftError('release-not-found', { message: 'The release does not run.' })
        return await runCommand(command, app.input.environment, call, call.onLine ?? (() => undefined))
      }),

    inspect: (ref, call = {}) =>
      world.call(told('inspect', ref, call), () => find(ref)?.running() ?? { state: 'absent' as const, instances: [] }),

    logs: (ref, call = {}) => followLines(find(ref), call),

    stop: (ref, token, call = {}) =>
      effect('stop', ref, token, call, async () => {
        const app = find(ref)
        if (app === undefined || app.state === 'exited') return
        if (app.script.ignoreSigterm) {
          await sleep((call.graceSeconds ?? 10) * 1000)
          app.exit(null, 'SIGKILL')
        } else app.terminate()
      }),

    restart: (ref, token, call = {}) =>
      effect('restart', ref, token, call, async () => {
        const app = find(ref)
        if (app === undefined)
          throw new AppaloftError('start-failed', { message: 'There is no such release to restart.' })
        await app.start()
      }),

    remove: (ref, token, call = {}) =>
      effect('remove', ref, token, call, () => {
        find(ref)?.exit(null, 'SIGTERM')
        world.apps.delete(key(ref))
      }),

    discard: (release, token, call) =>
      effect('discard', { ...release, releaseId: release.id }, token, call, () => {
        const needed = new Set(call.retained.map((one) => one.artifact.build))
        const build = release.artifact.build
        if (typeof build === 'string' && !needed.has(build)) world.built.delete(build)
        if (call.volumes === true) world.volumes.delete(release.resourceId)
      }),

    list: (resourceId, call = {}) =>
      world.call({ part: 'target', method: 'list', resourceId, ...call }, () =>
        [...world.apps.values()]
          .filter((app) => app.ref.resourceId === resourceId)
          .map((app) => ({ ...app.ref, state: app.state })),
      ),

    reach: (ref, _port, call = {}) =>
      world.call(told('reach', ref, call), () => {
        const app = find(ref)
        if (app?.state !== 'running') return { probe: [], upstream: [] }
        const address = { kind: 'tcp' as const, host: '127.0.0.1', port: app.port }
        return { probe: [address], upstream: [address] }
      }),

    promoted: (input) => effect('promoted', input, input.token, input, () => undefined),

    restore: (candidate, _previous, token, call = {}) => effect('restore', candidate, token, call, () => undefined),
  }
}

async function build(world: FakeWorld, input: BuildInput): Promise<BuildResult> {
  const name = `${input.resourceId}:${input.inputsDigest}`
  const former = world.built.get(name)
  if (former !== undefined && !input.noCache) return { artifact: former.artifact, cached: true }
  const { install, build: compile, package: pack } = input.plan.commands
  await buildCommand('install-failed', install, input)
  await buildCommand('build-failed', compile, input)
  await buildCommand('package-failed', pack, input)
  world.builds += 1
  const id = input.noCache ? `${name}:${world.builds}` : name
  const artifact = { build: id }
  world.built.set(id, { artifact, resourceId: input.resourceId })
  return { artifact, cached: false }
}

async function buildCommand(code: ErrorCode, planned: PlannedCommand | undefined, input: BuildInput): Promise<void> {
  if (planned === undefined) return
  const result = await runCommand(planned.command, input.environment, input, input.log)
  if (result.exitCode === 0) return
  throw new AppaloftError(code, {
    details: { exitCode: result.exitCode, lastLogs: result.lastLogs },
  })
}

async function runCommand(
  command: Command,
  environment: Readonly<Record<string, string>>,
  call: CallOptions | EffectContext,
  log: (line: LogLine) => void,
): Promise<CommandResult> {
  const script = parseScript(command)
  const lines = printedLines(script, environment)
  for (const text of lines) log({ stream: 'stdout', text })
  if (script.delay > 0) {
    await sleep(script.delay, undefined, { signal: call.signal }).catch(() => {
      call.signal?.throwIfAborted()
    })
  }
  return { exitCode: script.exitCode, signal: null, lastLogs: lines.slice(-50) }
}

async function* followLines(
  app: FakeApp | undefined,
  options: CallOptions & { tail?: number; follow?: boolean },
): AsyncIterable<LogLine> {
  if (app === undefined) return
  let at = options.tail === undefined ? 0 : Math.max(0, app.lines.length - options.tail)
  for (;;) {
    for (; at < app.lines.length; at += 1) yield app.lines[at]!
    if (options.follow !== true || app.state === 'exited' || options.signal?.aborted === true) return
    await app.changed(options.signal)
  }
}
