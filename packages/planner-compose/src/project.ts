import { checkConsistency } from './consistency.js'
import { loadModel } from './load.js'
import { type Files, Loader, type Taken } from './loader.js'
import { directoryOf } from './paths.js'
import { countOf } from './ports.js'
import { bounded, ComposeProblem, type Place } from './problem.js'
import { readService, type Service } from './service.js'
import { child, entriesOf, type Mapping } from './tree.js'
import type { Variables } from './variables.js'

/** A project read whole: its files are merged, and its services checked against each other. */
export interface Project {
  files: readonly string[]
  taken: readonly Taken[]
  /** Those that start, in the order of the files. */
  services: readonly Service[]
  /** Those that wait for a profile of Compose. */
  waiting: readonly Service[]
  model: Mapping
  /** Variables that have no value, and where they are asked for. */
  unset: ReadonlyMap<string, Place>
  /** Variables of the profile that the files ask for. */
  fromProfile: readonly string[]
}

export interface Wanted {
  /** From the source's root, in the order in which they are merged. */
  files: readonly string[]
  /** Names of the profile's variables. */
  variables: Variables
  /** The service whose profiles are active because it is asked for. */
  service: string | undefined
}

/** @throws ComposeProblem for everything that Compose would refuse, and for what is larger than the limits. */
export async function readProject(files: Files, wanted: Wanted): Promise<Project> {
  try {
    return await read(new Loader(files), wanted)
  } catch (error) {
    if (!(error instanceof ComposeProblem)) throw error
    throw withUnset(error, [...wanted.variables.unset.keys()])
  }
}

async function read(loader: Loader, wanted: Wanted): Promise<Project> {
  const [first = ''] = wanted.files
  const directory = directoryOf(first)
  const variables = await loader.dotenv(directory, wanted.variables)
  const scope = { directory, variables, including: wanted.files }
  const model = await loadModel(loader, wanted.files, 'compose-file', scope, { file: first })
  const all = entriesOf(child(model, 'services')).map(([name, node]) => readService(name, node))
  const active = activeProfiles(all, variables.get('COMPOSE_PROFILES'), wanted.service)
  const starts = (service: Service) =>
    service.profiles.length === 0 || active.has('*') || service.profiles.some((profile) => active.has(profile))
  const services = all.filter(starts)
  for (const { ports, expose, at } of services)
    for (const port of [...ports, ...expose]) loader.budget.spend('ports', countOf(port), at)
  await checkConsistency(loader, { services, all, model, first }, variables)
  return {
    files: wanted.files,
    taken: [...loader.taken.values()],
    services,
    waiting: all.filter((service) => !starts(service)),
    model,
    unset: variables.unset,
    fromProfile: variables.fromProfile,
  }
}

/** What is wrong may be wrong because nothing stands where a variable should. */
function withUnset({ message, at, ways }: ComposeProblem, unset: readonly string[]): ComposeProblem {
  if (unset.length === 0) return new ComposeProblem(message, at, ways)
  const names = unset.slice(0, 10).map((name) => bounded(name, 100))
  return new ComposeProblem(`${message} These variables have no value: ${names.join(', ')}.`, at, {
    ...ways,
    overridePath: [
      ...(ways.overridePath ?? []),
      ...names.map((name) => ({ action: 'Set the variable.', profileField: `environment.${name}.value` })),
    ],
  })
}

/** `COMPOSE_PROFILES` of the `.env` file, and what the service that is asked for needs. */
function activeProfiles(all: readonly Service[], listed = '', wanted?: string): Set<string> {
  const named = listed.split(',').map((profile) => profile.trim())
  const asked = all.find(({ name }) => name === wanted)?.profiles ?? []
  return new Set([...named, ...asked].filter((profile) => profile !== ''))
}
