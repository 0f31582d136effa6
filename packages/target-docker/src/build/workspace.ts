import { posix } from 'node:path'
import type { Command, Plan } from '@appaloft/core/spec'
import { plainUser, volumePath, workspaceRoot } from '../containers/place.js'
import { keepManifests } from './manifests.js'
import { argumentLines, type BuildVariables, json, quoted, runLine, safePath } from './words.js'

/** Where each package manager keeps what it downloaded. */
const caches: Record<string, string[]> = {
  npm: ['/root/.npm'],
  pnpm: ['/root/.local/share/pnpm/store'],
  yarn: ['/usr/local/share/.cache/yarn'],
  'yarn-berry': ['/root/.yarn/berry/cache'],
  bun: ['/root/.bun/install/cache'],
}

/** How each takes away what only the build needed. */
const pruning: Record<string, string[] | undefined> = {
  npm: ['npm', 'prune', '--omit=dev', '--no-audit', '--no-fund', '--ignore-scripts'],
  pnpm: ['pnpm', 'prune', '--prod', '--ignore-scripts'],
  yarn: ['yarn', 'install', '--production', '--frozen-lockfile', '--ignore-scripts', '--prefer-offline'],
  'yarn-berry': undefined,
  bun: undefined,
}

export interface Images {
  baseImage: (runtime: { family: string; version: string }) => string
}

/** Package managers that do not come with Node. */
const enabling: Record<string, string[] | undefined> = {
  pnpm: ['corepack', 'enable', 'pnpm'],
  yarn: ['corepack', 'enable', 'yarn'],
  'yarn-berry': ['corepack', 'enable', 'yarn'],
}

const stage = (base: string, name: string, ...lines: string[]) => [`FROM ${base} AS ${name}`, ...lines, '']

/** The stages from the source to what was built, all in the folder of the workspace. The last one has the returned name. */
export function buildStages(plan: Plan, base: string, variables: BuildVariables): { lines: string[]; last: string } {
  const { commands, runtime, artifact, source } = plan
  const manager = runtime?.packageManager?.name
  const [installDirectory, workingDirectory] =
    artifact.kind === 'workspace'
      ? [safePath(artifact.installDirectory), safePath(artifact.workingDirectory)]
      : [safePath(source.baseDirectory), safePath(source.baseDirectory)]
  const at = (directory: string) => `WORKDIR ${quoted(posix.join(workspaceRoot, directory))}`
  const enable = manager === undefined ? undefined : enabling[manager]
  const own = commands.install?.from === 'planner' && runtime?.family === 'node'
  const lines = [
    ...stage(base, 'base', ...(enable && own ? [`RUN ${json(enable)}`] : []), at('.')),
    // Their own layers, so that the dependencies are installed again only when their list changes.
    ...(own ? stage('base', 'manifests', 'COPY . .', `RUN ${json(['node', '-e', keepManifests])}`) : []),
  ]
  const installed = own ? `COPY --from=manifests ${workspaceRoot} ${workspaceRoot}` : 'COPY . .'
  const cached = caches[manager ?? ''] ?? []
  lines.push(
    ...stage(
      'base',
      'install',
      installed,
      ...commandLines(commands.install?.command, variables, at(installDirectory), { caches: cached, inputs: !own }),
    ),
  )
  lines.push(...stage('install', 'source', at('.'), 'COPY . .', at(workingDirectory)))
  let last = 'source'
  for (const [name, command] of [
    ['build', commands.build?.command],
    ['package', commands.package?.command],
  ] as const) {
    if (command === undefined) continue
    lines.push(...stage(last, name, ...argumentLines(variables, true), runLine(command, variables)))
    last = name
  }
  return { lines, last }
}

function commandLines(
  command: Command | undefined,
  variables: BuildVariables,
  place: string,
  { caches: targets, inputs }: { caches: readonly string[]; inputs: boolean },
): string[] {
  if (command === undefined) return []
  return [place, ...argumentLines(variables, inputs), runLine(command, variables, { caches: targets })]
}

/** The image of a workspace: built in stages, run by a user without rights, without what only the build needed. */
export function workspaceDockerfile(plan: Plan, { baseImage }: Images, variables: BuildVariables): string {
  const { commands, runtime, artifact } = plan
  const base = baseImage(runtime ?? { family: 'node', version: '*' })
  const { lines, last } = buildStages(plan, base, variables)
  const manager = runtime?.packageManager?.name
  const prune = commands.install?.from === 'planner' && manager !== undefined ? pruning[manager] : undefined
  let built = last
  if (prune !== undefined && artifact.kind === 'workspace') {
    const place = `WORKDIR ${quoted(posix.join(workspaceRoot, safePath(artifact.installDirectory)))}`
    lines.push(
      ...stage(
        last,
        'production',
        place,
        runLine(prune, { plain: [], secret: [] }, { caches: caches[manager ?? ''] ?? [] }),
      ),
    )
    built = 'production'
  }
  const folders = plan.volumes.map((one) => volumePath(plan, one.path))
  const place = artifact.kind === 'workspace' ? posix.join(workspaceRoot, artifact.workingDirectory) : workspaceRoot
  lines.push(
    ...stage(
      'base',
      'release',
      `COPY --from=${built} --chown=${plainUser}:${plainUser} ${workspaceRoot} ${workspaceRoot}`,
      // A new volume takes over whose the folder is.
      ...(folders.length === 0
        ? []
        : [
            `RUN ${json(['/bin/sh', '-c', `mkdir -p "$@" && chown ${plainUser}:${plainUser} "$@"`, 'sh', ...folders])}`,
          ]),
      `WORKDIR ${quoted(place)}`,
      `USER ${plainUser}:${plainUser}`,
    ),
  )
  return `${lines.join('\n').trim()}\n`
}
