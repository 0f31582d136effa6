import type { Evidence } from '@appaloft/core/spec'
import { inside } from './paths.js'
import { bounded } from './problem.js'
import type { Project } from './project.js'
import type { Mount, Service } from './service.js'
import { list, written } from './serving.js'
import { child, isTrue, type Mapping } from './tree.js'
import { shown } from './variables.js'

const maxServices = 20
const maxItems = 10

export const fact = (kind: string, file: string | undefined, signal: string, value: Evidence['value']): Evidence => ({
  kind,
  ...(file === undefined ? {} : { file: bounded(file, 1000) }),
  signal: bounded(signal, 200),
  ...(value === undefined ? {} : { value }),
})

/** What becomes of what a service writes there. */
function fateOf({ type, source }: Mount, model: Mapping): string {
  if (type === 'tmpfs') return 'gone with each container'
  if (type === 'bind' && source !== undefined)
    return inside(source) === null
      ? 'a path of the machine, left as it is'
      : 'a path of the source: each release has its own copy, and what is written there stays behind'
  if (source === undefined) return 'gone with each container'
  const external = child(child(child(model, 'volumes'), source), 'external')
  return isTrue(external) || external?.kind === 'map'
    ? 'a volume of the machine, kept and never rolled back'
    : 'a volume, kept between releases and never rolled back'
}

const cut = <T>(items: readonly T[]): T[] => items.slice(0, maxItems)

function volumes({ name, at, mounts }: Service, { model }: Project): Evidence[] {
  if (mounts.length === 0) return []
  const value = cut(mounts).map((mount) => ({
    target: bounded(shown(mount.target), 80),
    ...(mount.source === undefined ? {} : { source: bounded(shown(mount.source), 80) }),
    ...(mount.readOnly ? { readOnly: true } : {}),
    fate: fateOf(mount, model),
  }))
  return [fact('config', at.file, `services.${name}.volumes`, value)]
}

function described({ name, at, image, build, ports, expose, replicas, healthcheck, dependsOn }: Service): Evidence {
  return fact('config', at.file, `services.${name}`, {
    ...(image === undefined ? {} : { image: bounded(shown(image), 100) }),
    ...(build === undefined ? {} : { build: bounded(shown(build.context), 100) }),
    ...(build?.target === undefined ? {} : { buildTarget: bounded(shown(build.target), 100) }),
    ...(ports.length === 0 ? {} : { ports: cut(ports).map((port) => bounded(written(port), 60)) }),
    ...(expose.length === 0 ? {} : { expose: cut(expose).map((port) => bounded(written(port), 60)) }),
    ...(replicas === 1 ? {} : { replicas }),
    ...(healthcheck === undefined ? {} : { healthcheck: bounded(shown(healthcheck), 60) }),
    ...(dependsOn.length === 0
      ? {}
      : {
          dependsOn: Object.fromEntries(
            cut(dependsOn).map(({ service, condition }) => [bounded(service, 60), condition]),
          ),
        }),
  })
}

/** What the served service says that cannot hold while two releases of it run side by side. */
export function lifted({ name, at, containerName, ports }: Service): Evidence[] {
  const fixed = cut(ports.filter(({ published }) => published !== undefined)).map((port) => bounded(written(port), 60))
  return [
    ...(containerName === undefined
      ? []
      : [fact('config', at.file, `services.${name}.container_name`, { lifted: bounded(shown(containerName), 100) })]),
    ...(fixed.length === 0 ? [] : [fact('config', at.file, `services.${name}.ports`, { lifted: fixed })]),
  ]
}

const signals = {
  'compose-file': 'compose file',
  include: 'include',
  extends: 'extends',
  'env-file': 'env_file',
  variables: 'variables',
}

/** What the project is, for the preview. No values of variables, no commands: passwords stand there. */
export function evidenceOf(project: Project): Evidence[] {
  const { taken, services, waiting, unset, fromProfile } = project
  const shownServices = services.slice(0, maxServices)
  return [
    ...taken.slice(0, maxServices).map(({ file, as }) => fact('file', file, signals[as], undefined)),
    ...(fromProfile.length === 0 ? [] : [fact('profile', undefined, 'environment', names(fromProfile))]),
    ...shownServices.map(described),
    ...(services.length > maxServices ? [fact('config', undefined, 'services', `${services.length} in all`)] : []),
    ...(waiting.length === 0
      ? []
      : [fact('config', waiting[0]!.at.file, 'profiles', { notStarted: names(waiting.map(({ name }) => name)) })]),
    ...shownServices.flatMap((service) => volumes(service, project)),
    ...(unset.size === 0
      ? []
      : [fact('config', [...unset.values()][0]?.file, 'variables without a value', names([...unset.keys()]))]),
  ]
}

const names = (all: readonly string[]): string[] => all.slice(0, maxServices).map((name) => bounded(name, 100))

export { list }
