import { parseDotenv } from './dotenv.js'
import type { Loader } from './loader.js'
import { inside, isFixed, join } from './paths.js'
import { ComposeProblem, quoted } from './problem.js'
import type { Build, Service } from './service.js'
import { child, childText, entriesOf, isTrue, type Mapping, textOf } from './tree.js'
import { isOpaque, shown, type Variables } from './variables.js'

interface Parts {
  services: readonly Service[]
  all: readonly Service[]
  model: Mapping
  first: string
}

/**
 * Compares the services that start with each other, and with what the project and the source hold.
 *
 * @throws ComposeProblem for the first thing that is missing, or contradicts another.
 */
export async function checkConsistency(loader: Loader, parts: Parts, variables: Variables): Promise<void> {
  const { services, all, model, first } = parts
  if (all.length === 0) throw new ComposeProblem('The project has no services.', { file: first })
  for (const service of services) {
    checkItself(service)
    checkReferences(service, parts)
    if (service.build !== undefined) await checkBuild(loader, service, service.build)
    for (const { path, required, at } of service.envFiles) {
      const file = inside(path)
      const there = file !== null && (await loader.files.has(file))
      if (there) parseDotenv(await loader.text(file, 'env-file', at), file, variables)
      else if (required && (file !== null || !isFixed(path)))
        throw new ComposeProblem(
          `services.${service.name}.env_file: there is no file ${quoted(file ?? path)} in the source.`,
          at,
          {
            fixPath: [
              {
                action: 'Add the file to the source; a file that git ignores is not part of it.',
                example: file ?? path,
              },
              { action: 'Or say that it may be missing.', example: 'env_file: [{ path: .env, required: false }]' },
            ],
          },
        )
    }
  }
  checkCircles(services)
  await checkFiles(loader, services, model)
}

function checkItself({ name, at, image, build, networkMode, networks, containerName, replicas, node }: Service): void {
  if (image === undefined && build === undefined && child(node, 'provider') === undefined)
    throw new ComposeProblem(`services.${name} has neither image nor build.`, at, {
      fixPath: [{ action: 'Name an image, or what it is built from.', example: 'build: .' }],
    })
  if (networkMode !== undefined && networks.length > 0)
    throw new ComposeProblem(`services.${name} has both network_mode and networks.`, at)
  if (containerName !== undefined && (replicas ?? 1) > 1)
    throw new ComposeProblem(`services.${name} has a container_name and several replicas, whose names must differ.`, at)
}

function checkReferences(service: Service, { services, all, model }: Parts): void {
  const fail = (what: string, name: string, at: Service['at']) =>
    new ComposeProblem(`services.${service.name} needs the ${what} ${quoted(shown(name))}, which is not defined.`, at)
  for (const { service: other, required, at } of service.dependsOn) {
    if (!required || services.some(({ name }) => name === other)) continue
    const waiting = all.find(({ name }) => name === other)
    if (waiting === undefined) throw fail('service', other, at)
    throw new ComposeProblem(
      `services.${service.name} needs the service ${quoted(other)}, which starts only with a profile of Compose.`,
      at,
      {
        fixPath: [
          {
            action: 'Activate one of its profiles in the .env file beside the Compose file.',
            example: `COMPOSE_PROFILES=${waiting.profiles[0] ?? ''}`,
          },
        ],
      },
    )
  }
  const defined = (section: string, name: string) => child(child(model, section), name) !== undefined || isOpaque(name)
  for (const { name, at } of service.networks)
    if (name !== 'default' && !defined('networks', name)) throw fail('network', name, at)
  for (const { name, at } of service.secrets) if (!defined('secrets', name)) throw fail('secret', name, at)
  for (const { name, at } of service.configs) if (!defined('configs', name)) throw fail('config', name, at)
  for (const { type, source, at } of service.mounts)
    if (type === 'volume' && source !== undefined && !defined('volumes', source)) throw fail('volume', source, at)
}

async function checkBuild(
  { files }: Loader,
  { name }: Service,
  { context, remote, dockerfile, at }: Build,
): Promise<void> {
  if (remote || isOpaque(context)) return
  const directory = inside(context)
  if (directory === null)
    throw new ComposeProblem(`services.${name}.build: the context ${quoted(context)} lies outside the source.`, at)
  if (directory !== '.' && !(await files.has(`${directory}/`)))
    throw new ComposeProblem(`services.${name}.build: there is no directory ${quoted(directory)} in the source.`, at)
  if (dockerfile === undefined || isFixed(dockerfile)) return
  const file = join(directory, dockerfile)
  if (file.startsWith('..') || (await files.has(file))) return
  throw new ComposeProblem(`services.${name}.build: there is no Dockerfile ${quoted(file)} in the source.`, at, {
    fixPath: [
      { action: 'Add the file, or name another one.', example: 'build: { context: ., dockerfile: Dockerfile }' },
    ],
  })
}

/** Each service after those that it needs: a circle has no order. */
function checkCircles(services: readonly Service[]): void {
  const known = new Map(services.map((service) => [service.name, service]))
  const state = new Map<string, 'open' | 'done'>()
  // Without recursion: a chain may be as long as there are services.
  for (const start of services) {
    const path: { service: Service; next: number }[] = state.has(start.name) ? [] : [{ service: start, next: 0 }]
    if (path.length > 0) state.set(start.name, 'open')
    while (path.length > 0) {
      const top = path.at(-1)!
      const dependency = top.service.dependsOn[top.next]
      if (dependency === undefined) {
        state.set(top.service.name, 'done')
        path.pop()
        continue
      }
      top.next += 1
      const other = known.get(dependency.service)
      if (other === undefined || state.get(other.name) === 'done') continue
      if (state.get(other.name) === 'open') {
        const names = path.map(({ service }) => service.name)
        const round = [...names.slice(names.indexOf(other.name)), other.name].slice(0, 8)
        throw new ComposeProblem(`Services depend on each other in a circle: ${round.join(' on ')}.`, dependency.at)
      }
      state.set(other.name, 'open')
      path.push({ service: other, next: 0 })
    }
  }
}

/** Secrets and configs that services use come from somewhere. */
async function checkFiles({ files }: Loader, services: readonly Service[], model: Mapping): Promise<void> {
  const used = {
    secrets: new Set(services.flatMap(({ secrets }) => secrets.map(({ name }) => name))),
    configs: new Set(services.flatMap(({ configs }) => configs.map(({ name }) => name))),
  }
  for (const section of ['secrets', 'configs'] as const) {
    for (const [name, node] of entriesOf(child(model, section))) {
      const external = child(node, 'external')
      if (isTrue(external) || external?.kind === 'map') continue
      const path = childText(node, 'file')
      const given = ['environment', 'content', 'driver'].some((key) => textOf(child(node, key)) !== undefined)
      if (path === undefined && !given)
        throw new ComposeProblem(`${section}.${name} has neither file nor environment.`, node.at)
      const file = path === undefined ? null : inside(path)
      if (file === null || !used[section].has(name) || (await files.has(file)) || (await files.has(`${file}/`)))
        continue
      throw new ComposeProblem(`${section}.${name}: there is no file ${quoted(file)} in the source.`, node.at, {
        fixPath: [{ action: 'Add the file to the source; a file that git ignores is not part of it.', example: file }],
      })
    }
  }
}
