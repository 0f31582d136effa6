import { type CallOptions, type LogLine, type RunningRef, reason, type Target } from '@appaloft/core/spec'
import { effectHappens, stopHappens } from '../invariants/effects.js'
import type { SimulatedProcess } from '../process.js'
import { proxyHost } from '../routing.js'
import { Ahead } from './ahead.js'
import { simulatedLease } from './lease.js'
import { buildMs, built, capabilities, reachOf, stateOf } from './machinery.js'
import { compare, raise } from './marks.js'
import { simulatedProxy } from './proxy.js'
import { simulatedRecords } from './records.js'
import { unavailable } from './unavailable.js'

/** The one machine of a run, as one engine reaches it. */
export function simulatedTarget(process: SimulatedProcess): Target {
  const { simulation } = process
  const { machine } = simulation
  const { far } = simulation.setup
  const ahead = new Ahead(machine)
  const read = <T>(method: string, about: string, effect: () => T, options: CallOptions = {}, vague?: T) =>
    process.call({ port: 'target', method, about, effect, vague, failure: unavailable }, options)
  /** An effect is compared with the fence at the moment in which it happens. */
  const effect = <T>(
    method: string,
    ref: RunningRef,
    token: number,
    act: () => T,
    { signal, ...rest }: CallOptions & { half?: () => void; takes?: number } = {},
  ) => {
    const guarded = <R>(work: () => R) => {
      compare(machine.marks, ref.resourceId, token)
      effectHappens(simulation, 'target', ref.resourceId, token, `${method} of ${ref.deploymentId}`)
      simulation.users.maybeBegin(ref.resourceId)
      return work()
    }
    const { half, takes = 0 } = rest
    return process.call(
      {
        port: 'target',
        method,
        about: `${ref.deploymentId} under ${token}`,
        effect: () => guarded(act),
        failure: unavailable,
        half: half && (() => guarded(half)),
        takes,
      },
      { signal },
    )
  }
  const stopped = (ref: RunningRef, token: number, act: () => void) => {
    stopHappens(simulation, ref, token)
    act()
  }

  return {
    specVersion: 1,
    key: 'sim',
    capabilities: { ...capabilities, network: simulation.setup.network },
    proxy: simulatedProxy(process),

    describe: (plan, previous) => ({
      steps: [{ id: 'start', step: 'start', title: 'Start the release', when: 'always', reversible: true }],
      generatedFiles: [],
      warnings: previous !== undefined && !plan.overlap ? [reason('no-overlap')] : [],
      unsupportedReasons: [],
    }),

    mark: (id, options) => read('mark', id, () => machine.marks.get(id)?.token ?? 0, options),
    fence: (id, token, { signal, ...rest }) =>
      read(
        'fence',
        `${id} ${token}`,
        () => {
          raise(machine.marks, id, token, rest)
          ahead.look(id)
        },
        { signal },
      ),
    ...(far === undefined ? {} : { address: proxyHost, prepare: (coming) => ahead.told(coming) }),
    ...(simulation.stores.length > 1 || far !== undefined ? { lease: simulatedLease(process) } : {}),
    ...(simulation.setup.records ? { records: simulatedRecords(process) } : {}),
    probe: (options) => read('probe', '', () => ({ ok: true, checks: [] }), options),

    build: async (input) => {
      const seen = ahead.take(input)
      if (seen !== undefined) simulation.cover('looked-ahead')
      return (
        seen ??
        effect('build', input, input.token, () => built(machine, input), {
          signal: input.signal,
          takes: buildMs(input.plan),
        })
      )
    },
    upload: (input) => effect('upload', input, input.token, () => {}, { signal: input.signal }),
    run: (input, command) => {
      const result = { exitCode: command === 'bad' ? 1 : 0, signal: null, lastLogs: [] }
      return effect('run', input, input.token, () => result, { signal: input.signal })
    },
    start: (input) =>
      effect('start', input, input.token, () => machine.start(input), {
        signal: input.signal,
        half: () => machine.start(input, false),
      }),
    exec: (ref, _command, options) =>
      read('exec', ref.deploymentId, () => ({ exitCode: 0, signal: null, lastLogs: [] }), options),

    inspect: (ref, options) =>
      read('inspect', ref.deploymentId, () => stateOf(simulation, ref), options, { state: 'unknown', instances: [] }),
    logs: (ref, options) =>
      linesOf(() => read('logs', ref.deploymentId, () => [`hello from ${ref.releaseId}`], options)),

    stop: (ref, token, options) =>
      effect('stop', ref, token, () => stopped(ref, token, () => machine.stop(ref)), options),
    restart: (ref, token, options) => effect('restart', ref, token, () => machine.restart(ref), options),
    remove: (ref, token, options) =>
      effect('remove', ref, token, () => stopped(ref, token, () => machine.remove(ref)), {
        ...options,
        half: () => stopped(ref, token, () => machine.stop(ref)),
      }),
    discard: (release, token, { retained, signal }) =>
      effect(
        'discard',
        { ...release, releaseId: release.id },
        token,
        () => {
          const { removing } = simulation
          const { ledger } = process
          if (ledger.actor(release.resourceId, token) === undefined) ledger.pruned.add(release.id)
          if (removing.has(release.resourceId))
            for (const one of ledger.retained(release.resourceId)) ledger.pruned.add(one.id)
          const needed = new Set(retained.map((one) => one.artifact.build))
          if (needed.has(release.artifact.build!)) return
          machine.built.delete(String(release.artifact.build))
          ledger.builds.delete(String(release.artifact.build))
        },
        { signal },
      ),

    list: (id, options) =>
      read(
        'list',
        id,
        () =>
          machine.of(id).map(({ resourceId, deploymentId, releaseId, state }) => {
            return { resourceId, deploymentId, releaseId, state }
          }),
        options,
      ),
    reach: (ref, _port, options) =>
      read('reach', ref.deploymentId, () => reachOf(machine, ref), options, { probe: [], upstream: [] }),
    promoted: (input) => effect('promoted', input, input.token, () => {}, { signal: input.signal }),
    restore: (ref, _previous, token, options) => effect('restore', ref, token, () => {}, options),
  }
}

async function* linesOf(read: () => Promise<string[]>): AsyncGenerator<LogLine> {
  for (const text of await read()) yield { stream: 'stdout', text }
}
