import { existsSync } from 'node:fs'
import {
  AppaloftError,
  type CallOptions,
  missingProgram,
  type Proxy,
  type ReleaseInput,
  type RunningRef,
  type Target,
  type TargetCapabilities,
} from '@appaloft/core/spec'
import { build } from './build/build.js'
import { withManager } from './build/package-manager.js'
import { KeeperClient } from './client.js'
import { notFound, runCommand } from './command.js'
import { describe } from './describe.js'
import { discard } from './discard.js'
import { releaseEnvironment } from './environment.js'
import { toAppaloft } from './errors.js'
import { inspect, reach } from './inspect.js'
import { endOrphanedJobs, jobRuns, orphanedJobs } from './jobs.js'
import { Listeners } from './listening.js'
import { logs } from './logs.js'
import type { ProcessOptions } from './options.js'
import { probe } from './probe.js'
import { metaOf, placeOf } from './releases.js'
import { checkMark, readMark } from './shared/marks.js'
import { Layout } from './shared/paths.js'
import { knownReleases, readMeta, readState } from './shared/records.js'

const defaultGraceSeconds = 10

const capabilitiesOf = (proxy: Proxy | null): TargetCapabilities => ({
  artifactKinds: ['static-site', 'workspace'],
  exposures: proxy === null ? ['direct-port', 'none'] : ['proxy', 'direct-port', 'none'],
  overlap: true,
  network: 'shared',
  upstreamProtocols: ['http', 'tcp'],
  healthCommand: true,
  replicas: true,
  limits: false,
  volumes: true,
  binds: false,
  exec: true,
  clearEnvironment:
    'files of the state folder with mode 0600, as long as the release is kept running: its environment, and its log, with what it prints itself',
  fencing: 'compare',
})

/**
 * Runs releases as supervised processes of this machine. A small keeper outlives the engine and looks after them; everything lies in
 * the folder `process` of the engine's state folder.
 */
export function processTarget(options: ProcessOptions = {}): Target {
  const proxy = options.proxy ?? null
  const capabilities = capabilitiesOf(proxy)
  // Started together with the keeper, so that nobody waits for it later.
  const embeddedProxy = proxy?.key === 'embedded'
  const graceMs = (options.abortGraceSeconds ?? 5) * 1000
  let opened: { layout: Layout; keeper: KeeperClient; listeners: Listeners } | undefined

  const here = () => {
    if (opened === undefined)
      throw new AppaloftError('invalid-composition', { message: 'The process target was used before it was opened.' })
    return opened
  }
  /** Errors that leave this object are the SDK's. */
  const safely = async <T>(call: CallOptions, act: () => T | Promise<T>): Promise<T> => {
    try {
      call.signal?.throwIfAborted()
      return await act()
    } catch (error) {
      throw toAppaloft(error, call.signal)
    }
  }
  const refOf = ({ resourceId, deploymentId, releaseId }: RunningRef) => ({ resourceId, deploymentId, releaseId })
  /** Nothing of this name was ever started: there is nothing to ask the keeper for. */
  const known = (ref: RunningRef) => existsSync(here().layout.release(ref))
  const compare = (resourceId: string, token: number) => checkMark(here().layout, resourceId, token)

  return {
    specVersion: 1,
    key: options.key ?? 'process',
    capabilities,
    proxy,

    async open({ stateDir }) {
      const layout = new Layout(stateDir)
      const keeper = new KeeperClient(layout, {
        proxy: embeddedProxy,
        ...(options.keeper === undefined ? {} : { keeper: options.keeper }),
      })
      opened = { layout, keeper, listeners: new Listeners() }
      await proxy?.open?.({
        stateDir: layout.root,
        // A proxy that asks for its process is the embedded one, whatever its key: no other has one here.
        ensure: (call = {}) => safely(call, async () => void (await keeper.call('helper', { role: 'proxy' }, call))),
      })
    },

    describe: (plan, previous) => describe(plan, capabilities, previous),

    mark: (resourceId, call = {}) => safely(call, () => readMark(here().layout, resourceId)?.token ?? 0),

    fence: (resourceId, token, { signal, expected, owner }) =>
      safely({ signal }, async () => {
        await here().keeper.call('fence', { resourceId, token, expected, owner }, { signal })
      }),

    probe: (call = {}) => safely(call, () => probe(here().layout, { embeddedProxy })),

    build: (input) => safely(input, () => build(here().layout, input, { graceMs })),

    upload: (input) => safely(input, () => compare(input.resourceId, input.token)),

    run: (input, command) =>
      safely(input, async () => {
        const { layout } = here()
        compare(input.resourceId, input.token)
        await endOrphanedJobs(layout, input.resourceId, (job) => job.ref.releaseId === input.releaseId)
        const result = await runCommand(command, {
          layout,
          ref: refOf(input),
          directory: placeOf(layout, input.release),
          environment: withManager(layout, input.release.plan, withoutPort(releaseEnvironment(input.environment))),
          signal: input.signal,
          graceMs,
          onLine: (line) => input.log(line),
        })
        const missing = missingProgram(result.exitCode, result.lastLogs)
        if (missing !== null) throw notFound(missing)
        return result
      }),

    start: (input: ReleaseInput) =>
      safely(input, async () => {
        const { layout, keeper } = here()
        compare(input.resourceId, input.token)
        // Not cut short by an abort: the keeper would go on with it, and a `remove` could come before it.
        await keeper.call('start', { meta: metaOf(layout, input) })
        input.signal.throwIfAborted()
      }),

    exec: (ref, command, call = {}) =>
      safely(call, async () => {
        const { layout } = here()
        const meta = readMeta(layout.release(ref))
        if (meta === null || (await inspect(layout, null, ref, call)).state !== 'running')
          throw new AppaloftError('release-not-found', { message: 'The release does not run.' })
        const port = readState(layout.release(ref)).instances[0]?.port
        return await runCommand(command, {
          layout,
          ref: refOf(ref),
          directory: meta.directory,
          environment: {
            ...meta.environment,
            ...(meta.portVariable && port != null ? { PORT: String(port) } : {}),
          },
          signal: call.signal,
          graceMs,
          onLine: call.onLine ?? (() => undefined),
        })
      }),

    inspect: (ref, call = {}) => safely(call, () => inspect(here().layout, here().listeners, ref, call)),

    logs: (ref, call = {}) => logs(here().layout, ref, call),

    stop: (ref, token, call = {}) =>
      safely(call, async () => {
        compare(ref.resourceId, token)
        if (!known(ref)) return
        const grace = (call.graceSeconds ?? defaultGraceSeconds) * 1000
        await here().keeper.call('stop', { ref: refOf(ref), token, graceMs: grace }, call)
      }),

    restart: (ref, token, call = {}) =>
      safely(call, async () => {
        compare(ref.resourceId, token)
        await here().keeper.call('restart', { ref: refOf(ref), token }, call)
      }),

    remove: (ref, token, call = {}) =>
      safely(call, async () => {
        const { layout, keeper } = here()
        compare(ref.resourceId, token)
        await endOrphanedJobs(layout, ref.resourceId, (job) => job.ref.deploymentId === ref.deploymentId)
        if (!known(ref)) return
        await keeper.call('remove', { ref: refOf(ref), token, graceMs: defaultGraceSeconds * 1000 }, call)
      }),

    discard: (release, token, call) => safely(call, () => discard(here().layout, release, token, call)),

    list: (resourceId, call = {}) =>
      safely(call, async () => {
        const { layout } = here()
        const found = new Map<
          string,
          RunningRef & { state: 'running' | 'starting' | 'exited' | 'absent' | 'unknown' }
        >()
        for (const job of orphanedJobs(layout, resourceId))
          if (jobRuns(layout, job)) found.set(layout.release(job.ref), { ...job.ref, state: 'running' })
        for (const { folder, meta } of knownReleases(layout, resourceId))
          found.set(folder, { ...meta.ref, state: (await inspect(layout, null, meta.ref, call)).state })
        return [...found.values()]
      }),

    reach: (ref, port, call = {}) => safely(call, () => reach(here().layout, here().listeners, ref, port)),

    promoted: (input) =>
      safely(input, async () => {
        await here().keeper.call('promoted', { ref: refOf(input), token: input.token }, input)
      }),

    async close() {
      await proxy?.close?.()
    },
  }
}

/** The port is the target's own affair: a release command has none. */
function withoutPort({ PORT: _, ...rest }: Record<string, string>): Record<string, string> {
  return rest
}
