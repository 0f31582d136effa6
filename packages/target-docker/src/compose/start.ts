import { AppaloftError, type Command, type ReleaseInput } from '@appaloft/core/spec'
import { EngineError } from '../api/client.js'
import type { Image } from '../api/schemas.js'
import { type Parts, runCommand, type Shaped, startRelease } from '../containers/start.js'
import { checkMark } from '../marks.js'
import { argvOf, composeLabels, containerFields, hostFields } from './body.js'
import { bundleOf, hashOf, type Ordered, ordered } from './bundle.js'
import { replicasOf } from './model.js'
import { provideNetworks } from './networks.js'
import { runOnce } from './once.js'
import {
  connectAll,
  firstNetwork,
  makeService,
  putFiles,
  type Running,
  runs,
  type Stage,
  servicesOf,
  shapeOf,
  startNamed,
} from './services.js'
import { untilReady } from './waiting.js'

/** Services that take no traffic first, in place; then the candidate, without its name; then what needs it. Idempotent. */
export async function startProject(parts: Parts, input: ReleaseInput, image: Image): Promise<void> {
  const stage = await staged(parts, input)
  await startBefore(stage)
  const { command, shaped, replicas } = await candidate(stage, image)
  await startRelease(parts, input, image, { command, shaped, replicas })
  // Their names for it come with the promotion: nobody waits for them.
  for (const one of ordered(stage.bundle)) if (one.role === 'after') await inPlace(stage, one)
}

/** The release command has what the candidate will have: its environment, its networks and the services that it needs. */
export async function runInProject(parts: Parts, input: ReleaseInput, image: Image, command: Command) {
  const stage = await staged(parts, input)
  await startBefore(stage)
  const { shaped } = await candidate(stage, image)
  return await runCommand(parts, input, image, command, shaped)
}

async function staged(parts: Parts, input: ReleaseInput): Promise<Stage> {
  const bundle = bundleOf(input.release)
  const networks = await provideNetworks(parts, input.resourceId, bundle.project, input.signal)
  return { parts, input, bundle, networks }
}

async function startBefore(stage: Stage): Promise<void> {
  const { parts, input, bundle } = stage
  const services = ordered(bundle)
  const waited = new Set<string>()
  const changed = new Set<string>()
  const ready = async (name: string) => {
    if (waited.has(name)) return
    waited.add(name)
    const found = (await servicesOf(parts, input.resourceId, input.signal)).filter((one) => one.service === name)
    for (const one of found.filter(runs)) await untilReady(parts.engine, name, one.id, input.signal)
  }
  const needed = async (needs: Ordered['service']['depends_on']) => {
    for (const [name, { condition }] of Object.entries(needs))
      if (condition === 'service_healthy' && name !== bundle.candidate) await ready(name)
  }
  for (const one of services) {
    if (one.role === 'after') continue
    await needed(one.service.depends_on)
    // A release that was promoted before has done it; as its release command, it does not run again.
    if (one.role === 'once') {
      if (input.release.state !== 'retained') await runOnce(stage, one.name, one.service)
    } else if (await inPlace(stage, one)) changed.add(one.name)
  }
  for (const name of changed) await ready(name)
  await needed(bundle.project.services[bundle.candidate]?.depends_on ?? {})
}

/** True: something of it was started. What it replaces is stopped and stays, so that it can be started again. */
async function inPlace(stage: Stage, { name, service }: Ordered): Promise<boolean> {
  const { parts, input, bundle } = stage
  const { engine, names } = parts
  const hash = hashOf(bundle, name, input.release.plan)
  const replicas = replicasOf(service)
  const all = (await servicesOf(parts, input.resourceId, input.signal)).filter((one) => one.service === name)
  await checkMark(engine, names, input.resourceId, input.token, input.signal)
  let started = false
  for (const one of all) if (one.index >= replicas && runs(one)) await halt(stage, one)
  for (let index = 0; index < replicas; index += 1) {
    const present = all.filter((one) => one.index === index)
    const same = present.find((one) => one.hash === hash)
    for (const one of present) if (one !== same && runs(one)) await halt(stage, one)
    if (same !== undefined && runs(same)) continue
    started = true
    try {
      await startNamed(parts, input, same?.name ?? (await makeService(stage, name, service, index)))
    } catch (error) {
      throw notStarted(name, error)
    }
  }
  return started
}

async function halt({ parts, input }: Stage, one: Running): Promise<void> {
  await parts.engine.stop(one.name, undefined, { signal: input.signal })
}

function notStarted(name: string, error: unknown): unknown {
  if (!(error instanceof EngineError)) return error
  const taken = /port is already allocated|address already in use|ports are not available/i.test(error.message)
  return new AppaloftError('compose-service-failed', {
    message: taken
      ? `A port of the machine that services.${name}.ports names is taken by something else.`
      : `The engine did not start the service ${name}: ${error.message}`,
    details: { service: name, engine: error.message },
    recoveryHint: taken
      ? `Free the port, or change services.${name}.ports in the Compose file.`
      : `Change services.${name} in the Compose file, then deploy again.`,
    cause: error,
  })
}

/** What the candidate's container has beside what every release has. Host ports, fixed names and addresses are lifted: two run side by side. */
async function candidate(
  stage: Stage,
  image: Image,
): Promise<{ command: Command | null; replicas: number; shaped: Shaped }> {
  const { parts, input, bundle } = stage
  const { plan } = input.release
  const name = bundle.candidate
  const service = bundle.project.services[name]!
  const shape = await shapeOf(stage, name, service)
  const lifted = {
    ...shape.service,
    networks: Object.fromEntries(Object.keys(shape.service.networks).map((key) => [key, null])),
  }
  const nameless = () => []
  const [first] = Object.keys(lifted.networks)
  const shaped: Shaped = {
    body: (base) => {
      const host = hostFields(shape)
      const own = base.HostConfig
      return {
        ...containerFields(shape),
        ...base,
        Env: together(shape.service.environment, base.Env),
        Labels: { ...composeLabels(shape), ...base.Labels },
        HostConfig: {
          ...host,
          ...own,
          ...(host.Init === undefined ? {} : { Init: host.Init }),
          Mounts: [...((host.Mounts as object[] | undefined) ?? []), ...own.Mounts],
          ...(first === undefined ? {} : { NetworkMode: stage.networks.get(first) }),
        },
        ...firstNetwork(stage, name, lifted, nameless),
      }
    },
    made: async (container) => {
      await connectAll(stage, container, name, lifted, nameless)
      await putFiles(parts, input, container, bundle, shape.service)
    },
  }
  const replicas = plan.replicas > 1 ? plan.replicas : Math.max(1, replicasOf(service))
  return { command: plan.commands.start?.command ?? argvOf(shape.service, image), replicas, shaped }
}

/** The profile's variables win over the file's; where it listens is the file's word. */
function together(own: Record<string, string>, given: readonly string[]): string[] {
  const names = new Set(given.map((one) => one.split('=', 1)[0] ?? ''))
  return [
    ...Object.entries(own).flatMap(([name, value]) => (names.has(name) && name !== 'PORT' ? [] : [`${name}=${value}`])),
    ...given.filter((one) => !one.startsWith('PORT=') || own.PORT === undefined),
  ]
}
