import { type Evidence, type PlannerContext, type Reason, reason } from '@appaloft/core/spec'
import { evidenceOf, fact } from './evidence.js'
import { type Chosen, otherFiles } from './files.js'
import { bounded, ComposeProblem, placeName } from './problem.js'
import { type Project, readProject } from './project.js'
import type { Service } from './service.js'
import { chooseService, type InternalPort, internalPort, type Serving, written } from './serving.js'
import { Variables } from './variables.js'

export interface Examined {
  project?: Project
  served?: Service
  port?: InternalPort
  /** Why it cannot be deployed as it is. */
  problem?: Reason
  evidence: Evidence[]
}

/** Reads the project and finds out what is served, and where it listens. */
export async function examine(context: PlannerContext, chosen: Chosen | null): Promise<Examined> {
  const { profiles, root } = context
  const { network } = profiles
  const conflict = contradiction(context)
  if (conflict !== undefined) return { problem: conflict, evidence: [] }
  let project: Project
  try {
    if (chosen === null) throw nothingFound(context.baseDirectory)
    project = await readProject(root, {
      files: chosen.files,
      variables: Variables.of(Object.keys(profiles.environment)),
      service: network.targetServiceName,
    })
  } catch (error) {
    context.signal.throwIfAborted()
    if (!(error instanceof ComposeProblem)) throw error
    return { problem: await invalid(context, error, chosen), evidence: [] }
  }
  const evidence = evidenceOf(project)
  const serving = chooseService(project.services, network.targetServiceName)
  const served = serving.service
  if (served === undefined) {
    // Without traffic nothing has to be chosen.
    if (network.exposure === 'none' && network.targetServiceName === undefined) return { project, evidence }
    return { project, problem: noService(serving, project), evidence }
  }
  evidence.push(fact('config', served.at.file, `services.${served.name}`, { served: serving.because }))
  const port = internalPort(served)
  const found = { project, served, port, evidence }
  const needed = network.internalPort === undefined && network.exposure !== 'none'
  return needed && port.port === undefined ? { ...found, problem: noPort(served, port) } : found
}

const nothingFound = (file: string) =>
  new ComposeProblem(
    'There is no Compose file in this directory.',
    { file },
    {
      fixPath: [{ action: 'Add one.', example: 'compose.yaml' }],
    },
  )

/** Fields of the profile that say how something else than a Compose project is built. */
function contradiction({ profiles: { runtime } }: PlannerContext): Reason | undefined {
  const fields = [
    ...(['installCommand', 'buildCommand', 'packageCommand'] as const),
    ...(['publishDirectory', 'dockerfilePath', 'buildTarget', 'buildArgs'] as const),
  ].filter((field) => runtime[field] !== undefined)
  const [first] = fields
  if (first === undefined) return undefined
  const names = fields.map((field) => `runtime.${field}`)
  return reason('incompatible-source-strategy', {
    message: `The Compose file says how its services are built: ${names.join(', ')} ${names.length === 1 ? 'contradicts' : 'contradict'} it.`,
    evidence: names.map((signal) => fact('profile', undefined, signal, undefined)),
    fixPath: [{ action: 'Say it in the Compose file.', example: 'build: …' }],
    overridePath: names.map((profileField) => ({ action: 'Remove it.', profileField })),
    affectedProfileField: `runtime.${first}`,
  })
}

async function invalid(context: PlannerContext, problem: ComposeProblem, chosen: Chosen | null): Promise<Reason> {
  const { at, message, ways } = problem
  const file = await context.root.has(at.file)
  const where = at.file === '.' ? '' : `${placeName(at)}: `
  const taken = new Set(chosen?.files)
  const others = (await otherFiles(context)).filter((name) => !taken.has(name))
  return reason('compose-invalid', {
    message: bounded(`${where}${message}`, 600),
    evidence: file
      ? [fact('file', at.file, 'compose file', at.line === undefined ? undefined : { line: at.line })]
      : [],
    fixPath: ways.fixPath ?? [{ action: `Mend ${bounded(placeName(at), 300)}.` }],
    overridePath: [
      ...(ways.overridePath ?? []),
      ...(others.length === 0
        ? [{ action: 'Name other Compose files.', profileField: 'runtime.composeFiles' }]
        : others.map((example) => ({
            action: 'Name other Compose files.',
            profileField: 'runtime.composeFiles',
            example,
          }))),
    ],
  })
}

function noService({ because, candidates }: Serving, { services }: Project): Reason {
  const shownOnes = candidates.slice(0, 10)
  return reason('compose-target-service-missing', {
    message: `Which service takes the traffic is not known: ${bounded(because, 300)}.`,
    evidence: shownOnes.map(({ name, at, ports, expose }) =>
      fact('config', at.file, `services.${name}`, {
        ports: ports.slice(0, 10).map((port) => bounded(written(port), 60)),
        expose: expose.slice(0, 10).map((port) => bounded(written(port), 60)),
      }),
    ),
    fixPath: [
      { action: 'Publish a port of that service alone.', example: 'ports: ["8080"]' },
      ...(services.length === 0 ? [{ action: 'Start a service without a profile of Compose.' }] : []),
    ],
    overridePath:
      shownOnes.length === 0
        ? [{ action: 'Name the service.', profileField: 'network.targetServiceName' }]
        : shownOnes.map(({ name }) => ({
            action: 'Name the service.',
            profileField: 'network.targetServiceName',
            example: name,
          })),
  })
}

function noPort({ name, at, ports, expose }: Service, { candidates, opaque }: InternalPort): Reason {
  const why = opaque
    ? 'its port is a variable of the profile, whose value a plan does not know'
    : candidates.length > 1
      ? `it has the ports ${candidates.slice(0, 10).join(', ')}`
      : 'it has neither ports nor expose for the web'
  const all = [...ports, ...expose].slice(0, 10).map((port) => bounded(written(port), 60))
  return reason('missing-internal-port', {
    message: `On which port the service ${name} listens is not known: ${why}.`,
    evidence: [fact('config', at.file, `services.${name}.ports`, all)],
    fixPath: [{ action: 'Say the one port on which it listens.', example: `expose: ["${candidates[0] ?? 8080}"]` }],
    overridePath: (candidates.length === 0 ? [undefined] : candidates.slice(0, 10)).map((port) => ({
      action: 'Set the port on which it listens.',
      profileField: 'network.internalPort',
      ...(port === undefined ? {} : { example: String(port) }),
    })),
  })
}
