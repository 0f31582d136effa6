import { type PlannerContext, type Reason, reason } from '@appaloft/core/spec'
import { fact } from './evidence.js'
import { bounded } from './problem.js'
import type { Project } from './project.js'
import type { Service } from './service.js'
import { list } from './serving.js'
import { shown } from './variables.js'

/** What a person should know before this project is deployed. */
export function warningsOf({ profiles }: PlannerContext, project: Project, served: Service | undefined): Reason[] {
  const { runtime, network } = profiles
  const overlaps = runtime.overlap !== false && (network.exposure ?? 'proxy') === 'proxy'
  return [
    ...unsetVariables(project),
    ...inPlace(project, served),
    ...keptVolumes(project),
    ...(served !== undefined && overlaps ? sharedVolumes(served) : []),
    ...(served === undefined
      ? []
      : [...hostNetwork(served), ...(runtime.startCommand === undefined ? shell(served) : [])]),
  ]
}

function unsetVariables({ unset }: Project): Reason[] {
  if (unset.size === 0) return []
  const [[first, place] = ['', { file: '' }]] = unset
  const names = [...unset.keys()].slice(0, 20).map((name) => bounded(name, 100))
  return [
    reason('compose-variable-unset', {
      message: `The Compose files ask for ${names.join(', ')}, which ${names.length === 1 ? 'has' : 'have'} no value: nothing stands in the place.`,
      evidence: [fact('config', place.file, 'variables without a value', names)],
      fixPath: [{ action: 'Give a default in the Compose file.', example: `\${${first}:-…}` }],
      overridePath: names.map((name) => ({ action: 'Set the variable.', profileField: `environment.${name}.value` })),
    }),
  ]
}

function inPlace({ services }: Project, served: Service | undefined): Reason[] {
  const others = services.filter((service) => service !== served)
  if (others.length === 0) return []
  return [
    reason('compose-in-place-change', {
      message: `${list(others)} ${others.length === 1 ? 'takes' : 'take'} no routed traffic: what changes there is changed in place.`,
      evidence: others.slice(0, 20).map(({ name, at }) => fact('config', at.file, `services.${name}`, undefined)),
    }),
  ]
}

function keptVolumes({ services }: Project): Reason[] {
  const mounts = services.flatMap((service) =>
    service.mounts.filter(({ type, source, readOnly }) => type === 'volume' && source !== undefined && !readOnly),
  )
  const names = [...new Set(mounts.map(({ source = '' }) => bounded(shown(source), 100)))].slice(0, 20)
  const [first] = mounts
  if (first === undefined) return []
  return [
    reason('compose-volumes-kept', {
      message: `${names.join(', ')} ${names.length === 1 ? 'is' : 'are'} kept: a rollback brings back the services, and not what was in ${names.length === 1 ? 'this volume' : 'these volumes'}.`,
      evidence: [fact('config', first.at.file, 'volumes', names)],
      fixPath: [{ action: 'Mount it read-only where the service only reads.', example: 'read_only: true' }],
    }),
  ]
}

function sharedVolumes({ name, mounts }: Service): Reason[] {
  const shared = mounts.filter(({ type, source, readOnly }) => type !== 'tmpfs' && source !== undefined && !readOnly)
  if (shared.length === 0) return []
  const targets = shared.slice(0, 10).map(({ target }) => bounded(shown(target), 100))
  return [
    reason('shared-volume-overlap', {
      message: `Two releases of ${name} write to ${targets.join(', ')} while they run side by side.`,
      evidence: shared
        .slice(0, 10)
        .map(({ at, source = '' }) => fact('config', at.file, `services.${name}.volumes`, bounded(shown(source), 100))),
      fixPath: [{ action: 'Mount it read-only where the service only reads.', example: 'read_only: true' }],
      overridePath: [
        {
          action: 'Stop the old release before the new one starts.',
          profileField: 'runtime.overlap',
          example: 'false',
        },
      ],
    }),
  ]
}

function hostNetwork({ name, at, networkMode }: Service): Reason[] {
  if (networkMode !== 'host') return []
  return [
    reason('no-overlap', {
      message: `services.${name} uses the machine's own network, where two releases cannot listen on one port.`,
      evidence: [fact('config', at.file, `services.${name}.network_mode`, 'host')],
      fixPath: [{ action: 'Remove network_mode: host.' }],
      overridePath: [],
    }),
  ]
}

/** A shell that starts several things stays the first process, and keeps signals from the application. */
function shell({ name, at, command = [] }: Service): Reason[] {
  const [program = '', option, script = ''] = command
  const isShell = /^(?:.*\/)?(?:ba|da|a|z)?sh$/.test(program) && /^-[a-z]*c$/.test(option ?? '')
  const several = /&&|\|\||[;|\n]/.test(script) && !/(?:^|[;&\n]\s*)exec\s[^;&|\n]*$/.test(script)
  if (!isShell || !several) return []
  return [
    reason('shell-as-pid-1', {
      message: `services.${name} runs its commands in a shell, which does not pass signals on.`,
      evidence: [fact('config', at.file, `services.${name}.command`, undefined)],
      fixPath: [{ action: 'Put exec before the last command.', example: 'sh -c "migrate && exec server"' }],
      overridePath: [],
    }),
  ]
}
