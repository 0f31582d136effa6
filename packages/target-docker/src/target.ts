import { join } from 'node:path'
import process from 'node:process'
import { localHost } from '@appaloft/core/host'
import { AppaloftError, type CallOptions, type Target } from '@appaloft/core/spec'
import { findEngine } from './api/address.js'
import { EngineUnreachable } from './api/client.js'
import { Engine, orNull } from './api/engine.js'
import { Beside } from './beside.js'
import { type BuildParts, build, imageOf } from './build/build.js'
import { Makers } from './builder/maker.js'
import { upload } from './builder/upload.js'
import { buildProject } from './compose/build.js'
import { isProject } from './compose/bundle.js'
import { nameNetworks } from './compose/networks.js'
import { promotedProject } from './compose/promoted.js'
import { runInProject } from './compose/start.js'
import { projectThings, removeNames, removeProject, restoreProject, wakeServices } from './compose/sweep.js'
import { exec } from './containers/exec.js'
import { everythingOf, type Found, instancesOf } from './containers/find.js'
import { inspect, reach, thingsOf } from './containers/inspect.js'
import { Listeners } from './containers/listening.js'
import { logs } from './containers/logs.js'
import { removeAtLast, stopAndRemove } from './containers/remove.js'
import { SeenSoon } from './containers/soon.js'
import { runCommand } from './containers/start.js'
import { Started } from './containers/started.js'
import { describe } from './describe.js'
import { discard } from './discard.js'
import { fromEngine } from './errors.js'
import { machineLease } from './lease.js'
import { Looks } from './looks.js'
import { checkMark, fenced, readMark } from './marks.js'
import { Names, tokenOf } from './names.js'
import type { DockerOptions } from './options.js'
import { probe } from './probe.js'
import { targetRecords } from './records.js'
import { capabilitiesOf, settingsOf } from './settings.js'
import { type Before, start } from './start.js'
import { Takings, takeOver } from './takings.js'

/** Runs releases as containers of a Docker Engine, through its API; BuildKit builds them. Nothing is kept but on the engine. */
export function dockerTarget(options: DockerOptions = {}): Target {
  const settings = settingsOf(options)
  const proxy = options.proxy ?? null
  const capabilities = capabilitiesOf(proxy, settings)
  const names = new Names(settings.scope)
  const host = localHost()
  const listeners = new Listeners()
  const started = new Started()
  const takings = new Takings(names)
  const looks = new Looks(names, settings, host)
  const soon = new SeenSoon()
  const beside = new Beside()
  const makers = new Makers(settings.build, options.key ?? 'docker')
  let engine: Promise<Engine> | undefined
  /** What was seen for attempts that are about to start their release. */
  const prepared = new Map<string, Before>()

  const find = (): Promise<Engine> => {
    engine ??= findEngine(options, process.env).then((address) => new Engine(address))
    // What was wrong may have been mended when it is asked again.
    engine.catch(() => {
      engine = undefined
    })
    return engine
  }
  const told = async (error: unknown): Promise<unknown> =>
    error instanceof EngineUnreachable ? ((await options.unanswered?.()) ?? error) : error
  /** Errors that leave this object are the SDK's. */
  const safely = async <T>(call: CallOptions, act: (engine: Engine) => T | Promise<T>): Promise<T> => {
    try {
      call.signal?.throwIfAborted()
      return await act(await find())
    } catch (error) {
      throw fromEngine(await told(error), call.signal)
    }
  }
  /** What has to do with the containers of a resource. */
  const withTaken = <T>(resourceId: string, call: CallOptions, act: (engine: Engine) => T | Promise<T>): Promise<T> =>
    safely(call, async (engine) => {
      await takings.over(engine, resourceId, call)
      return await act(engine)
    })
  /**
   * Containers under the names that they have for a holder of this token, where the mark allows it. Who raises it meanwhile or afterwards
   * renames them, so that a name is of a newer holder, or what is done under it finds nothing.
   */
  const held = async (
    found: Promise<Found[]>,
    engine: Engine,
    ref: { resourceId: string },
    token: number,
    call: CallOptions,
  ) => {
    const [containers] = await Promise.all([found, checkMark(engine, names, ref.resourceId, token, call.signal)])
    for (const { name } of containers) if (tokenOf(name) > token) throw fenced(token, tokenOf(name))
    return containers
  }
  /** What is no longer there under its name: a newer holder has renamed it, which is refused, or it is gone. */
  const unlessFenced = async (
    engine: Engine,
    ref: { resourceId: string },
    token: number,
    call: CallOptions,
    act: Promise<unknown>,
  ) => {
    if ((await orNull(act.then((found) => found !== false))) === true) return true
    await checkMark(engine, names, ref.resourceId, token, call.signal)
    return false
  }
  const making = async (engine: Engine, input: { deploymentId: string; token: number }): Promise<BuildParts> => {
    const ahead = looks.of(input)
    const seer = ahead?.engine(engine) ?? engine
    const parts = { engine: seer, names, settings, host, maker: await makers.for(seer) }
    return ahead === null ? parts : { ...parts, compared: true, login: ahead.takeLogin() }
  }
  const stop = async (
    engine: Engine,
    found: readonly Found[],
    grace: number | undefined,
    token: number,
    call: CallOptions,
  ) => {
    const running = found.filter((one) => !['exited', 'dead', 'created'].includes(one.state))
    // Without a grace, the time that the container was made with.
    const seconds = grace === undefined ? undefined : Math.ceil(grace)
    await Promise.all(
      running.map((one) => unlessFenced(engine, one.ref, token, call, engine.stop(one.name, seconds, call))),
    )
  }

  return {
    specVersion: 1,
    key: options.key ?? 'docker',
    capabilities,
    proxy,
    ...(settings.records ? { records: targetRecords(safely, names, beside) } : {}),

    async open({ stateDir }) {
      await proxy?.open?.(options.proxyContext?.(stateDir) ?? { stateDir: join(stateDir, 'docker') })
    },

    describe: (plan, previous) => describe(plan, capabilities, settings, previous),

    mark: (resourceId, call = {}) => safely(call, (engine) => readMark(engine, names, resourceId, call.signal)),

    fence: (resourceId, token, call) =>
      safely(call, (engine) => {
        soon.forget(resourceId)
        return takeOver(engine, { names, takings, looks }, resourceId, token, call)
      }),

    prepare: (coming, previous) => looks.prepare(coming, previous),

    lease: machineLease(safely, names),

    probe: (call = {}) => probe(find, settings, host, makers, call),

    build: (input) =>
      safely(input, async (engine) => {
        const parts = await making(engine, input)
        const { artifact } = input.plan
        return artifact.kind === 'compose-project' ? buildProject(parts, input, artifact) : build(parts, input)
      }),

    upload: (input) =>
      safely(input, async (engine) => {
        const parts = await making(engine, input)
        const [image, seen] = await Promise.all([
          // The start tells why there is none.
          imageOf(parts, input.release, input.signal).catch(() => null),
          everythingOf(parts.engine, names, input, input.signal),
          upload(parts, input),
        ])
        looks.forget(input.deploymentId)
        if (prepared.size > 100) prepared.clear()
        // Of what is there already, its present names are looked for.
        if (image !== null && seen.length === 0) prepared.set(input.deploymentId, { image, seen })
      }),

    run: (input, command) =>
      safely(input, async (engine) => {
        const parts = { engine, names, settings }
        // What was seen before it is no longer all.
        prepared.delete(input.deploymentId)
        soon.forget(input.resourceId)
        await takings.over(engine, input.resourceId, input)
        await checkMark(engine, names, input.resourceId, input.token, input.signal)
        const image = await imageOf(parts, input.release, input.signal)
        return await (isProject(input.release) ? runInProject : runCommand)(parts, input, image, command)
      }),

    start: (input) =>
      safely(input, async (engine) => {
        const known = prepared.get(input.deploymentId)
        prepared.delete(input.deploymentId)
        soon.forget(input.resourceId)
        await start({ engine, names, settings }, { takings, started }, input, known)
      }),

    exec: (ref, command, call = {}) => safely(call, (engine) => exec(engine, names, ref, command, call)),

    inspect: (ref, call = {}) =>
      withTaken(ref.resourceId, call, (engine) => inspect(engine, names, { listeners, started }, ref, call)),

    async *logs(ref, call = {}) {
      try {
        yield* logs(await find(), names, ref, call)
      } catch (error) {
        if (call.signal?.aborted !== true) throw fromEngine(await told(error), call.signal)
      }
    },

    stop: (ref, token, call = {}) =>
      withTaken(ref.resourceId, call, async (engine) => {
        started.forget(ref)
        const found = await held(instancesOf(engine, names, ref, call.signal), engine, ref, token, call)
        await stop(engine, found, call.graceSeconds, token, call)
      }),

    restart: (ref, token, call = {}) =>
      withTaken(ref.resourceId, call, async (engine) => {
        started.forget(ref)
        const found = await held(instancesOf(engine, names, ref, call.signal), engine, ref, token, call)
        if (found.length === 0)
          throw new AppaloftError('release-not-found', { message: 'The release is no longer on the engine.' })
        await wakeServices({ engine, names }, ref.resourceId, call.signal)
        for (const { name } of found)
          if (!(await unlessFenced(engine, ref, token, call, engine.start(name, call))))
            throw new AppaloftError('release-not-found', { message: 'The release is no longer on the engine.' })
      }),

    remove: (ref, token, call = {}) =>
      withTaken(ref.resourceId, call, async (engine) => {
        started.forget(ref)
        const seen = await soon.of(ref, token, call)
        const named = seen === null ? nameNetworks({ engine, names }, ref.resourceId, call.signal) : null
        // Waited for below.
        named?.catch(() => undefined)
        const found = seen ?? (await held(everythingOf(engine, names, ref, call.signal), engine, ref, token, call))
        const gone = ({ role, name }: Found) =>
          role === 'instance' ? stopAndRemove(engine, name, call) : removeAtLast(engine, name, call)
        await Promise.all(found.map((one) => unlessFenced(engine, ref, token, call, gone(one))))
        if (named !== null) await removeNames({ engine, names }, ref, call.signal, named)
      }),

    discard: (release, token, call) =>
      withTaken(release.resourceId, call, async (engine) => {
        const maker = await makers.for(engine).catch(() => null)
        await discard({ engine, names, settings, maker }, release, token, call)
      }),

    list: (resourceId, call = {}) =>
      withTaken(resourceId, call, async (engine) => thingsOf(await soon.list(engine, names, resourceId, call))),

    reach: (ref, port, call = {}) =>
      withTaken(ref.resourceId, call, (engine) => reach(engine, names, started, ref, port, call)),

    promoted: (input, previous, { proven } = {}) =>
      withTaken(input.resourceId, input, async (engine) => {
        const seen = await soon.of(input, input.token, input)
        const project =
          seen !== null || isProject(input.release)
            ? null
            : projectThings({ engine, names }, input.resourceId, input.signal)
        // Waited for below.
        project?.catch(() => undefined)
        const found =
          seen ?? (await held(instancesOf(engine, names, input, input.signal), engine, input, input.token, input))
        // From now on it comes back after a crash, and with the engine.
        const stay = { RestartPolicy: { Name: 'unless-stopped' } }
        const made = found.map(({ name }) => engine.update(name, stay, { signal: input.signal }))
        await Promise.all(made.map((one) => unlessFenced(engine, input, input.token, input, one)))
        if (isProject(input.release)) {
          await proven
          await promotedProject({ engine, names, settings }, input, previous)
        } else if (project !== null && (await project).some((things) => things.length > 0)) {
          // The resource was a project before.
          await proven
          await removeProject({ engine, names }, input.resourceId, input.signal, project)
        }
      }),

    restore: (candidate, previous, token, call = {}) =>
      withTaken(candidate.resourceId, call, (engine) =>
        restoreProject({ engine, names, settings }, candidate, previous, token, call.signal),
      ),

    async close() {
      await proxy?.close?.()
      await host.close()
      await beside.over()
      const known = await engine?.catch(() => undefined)
      known?.client.close()
      engine = undefined
      await makers.close()
    },
  }
}
