import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { composeTool } from '../test/compose-tool.js'
import { contextOf, fixtureNames, folder, readFixture } from '../test/fixtures.js'
import { parseDotenv } from './dotenv.js'
import { chooseFiles } from './files.js'
import { inside, isFixed } from './paths.js'
import type { Port, Range } from './ports.js'
import { type Project, readProject } from './project.js'
import { type Service, wordsOf } from './service.js'
import { child, childText, entriesOf, itemsOf, type Node, textOf } from './tree.js'
import { Variables } from './variables.js'

// What Compose itself makes of each fixture, beside what the planner makes of it. Run by hand with APPALOFT_INSTALL_COMPOSE=1 where there is none.
const tool = composeTool()
/** Compose itself comes to no end with these, or takes much of the machine. */
const endless = ['yaml-alias-bomb', 'ports-huge-range']
const names = 'file' in tool ? fixtureNames().filter((name) => !endless.includes(name)) : []

/** What the planner refuses and Compose 2.26 does not, and why. */
const stricter: Record<string, string> = {
  'build-no-directory': 'Compose looks for it only when it builds',
  'build-no-dockerfile': 'Compose looks for it only when it builds',
  'build-outside': 'the source has nothing there',
  'secrets-no-file': 'Compose looks for it only when it starts',
  'yaml-deep': 'a bound of the planner',
}

async function ours(name: string): Promise<{ project: Project } | { refused: string }> {
  const context = contextOf(readFixture(name))
  const chosen = await chooseFiles(context)
  try {
    const project = await readProject(context.root, {
      files: chosen?.files ?? ['compose.yaml'],
      variables: Variables.of([]),
      service: context.profiles.network.targetServiceName,
    })
    return { project }
  } catch (error) {
    return { refused: String(error) }
  }
}

async function theirs(name: string, file: string): Promise<{ told: Record<string, Told> } | { refused: string }> {
  const fixture = readFixture(name)
  const context = contextOf(fixture)
  const chosen = await chooseFiles(context)
  const files = chosen?.from === 'name' ? [] : (chosen?.files ?? []).flatMap((one) => ['-f', one])
  const named = context.profiles.network.targetServiceName
  // The service that is asked for brings its profile along.
  const profiles = name === 'profiles-of-the-served' ? ['--profile', named ?? ''] : []
  try {
    const out = execFileSync(file, [...files, ...profiles, 'config', '--format', 'json'], {
      cwd: join(folder, name, 'source', files.length === 0 ? context.baseDirectory : '.'),
      env: { PATH: process.env.PATH ?? '', HOME: '/home/somebody' },
      encoding: 'utf8',
      timeout: 20_000,
      killSignal: 'SIGKILL',
      maxBuffer: 64 * 1024 * 1024,
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    return { told: (JSON.parse(out) as { services: Record<string, Told> }).services }
  } catch (error) {
    return { refused: String((error as { stderr?: string }).stderr ?? error).slice(0, 300) }
  }
}

const each = ({ from, to }: Range): number[] => Array.from({ length: to - from + 1 }, (_, i) => from + i)

/** Ports as Compose writes them: one entry a container port, with the port of the machine that belongs to it. */
function spread({ target, published, protocol, hostIp }: Port): string[] {
  if (target === null) return ['?']
  const targets = each(target)
  const [from, to] = (published ?? '').split('-')
  return targets.map((port, i) => {
    const host = targets.length > 1 && to !== undefined ? String(Number(from) + i) : (published ?? '')
    return `${hostIp ?? ''}|${host}|${port}|${protocol}`
  })
}

const source = (name: string) => join(folder, name, 'source')
const real = (name: string, path: string | undefined): string | undefined => {
  if (path === undefined) return undefined
  if (path.startsWith('~')) return join('/home/somebody', path.slice(1))
  return isFixed(path) ? path : join(source(name), path)
}

const words = (node: Node | undefined): unknown => {
  const line = textOf(node)
  return line === undefined ? itemsOf(node).map(textOf) : wordsOf(line)
}
const pairs = (node: Node | undefined): Record<string, string | null> =>
  Object.fromEntries(entriesOf(node).map(([key, value]) => [key, textOf(value) ?? null]))

// An argument without a value comes from the shell that builds, which says nothing here.
const valued = (all: Record<string, string | null>) =>
  Object.fromEntries(Object.entries(all).filter(([, value]) => value !== null))

async function environment(fixture: string, service: Service): Promise<Record<string, string | null>> {
  const { root } = contextOf(readFixture(fixture))
  const all: Record<string, string | null> = {}
  for (const { path } of service.envFiles) {
    const text = await root.readText(inside(path) ?? '')
    if (text !== null) Object.assign(all, Object.fromEntries(parseDotenv(text, path, Variables.of([]))))
  }
  return { ...all, ...pairs(child(service.node, 'environment')) }
}

/** What both say of a service, in one form. */
async function mine(fixture: string, service: Service) {
  const { node, build } = service
  return {
    image: service.image,
    build: build && {
      context: build.remote ? build.context : real(fixture, build.context),
      dockerfile: build.dockerfile,
      target: build.target,
      args: valued(pairs(child(child(node, 'build'), 'args'))),
    },
    ports: service.ports.flatMap(spread).sort(),
    expose: itemsOf(child(node, 'expose')).map(textOf).sort(),
    volumes: service.mounts
      .filter(
        ({ type, target }) =>
          type !== 'tmpfs' || itemsOf(child(node, 'volumes')).some((one) => childText(one, 'target') === target),
      )
      .map(({ type, source: from, target, readOnly }) =>
        [type, (type === 'bind' ? real(fixture, from) : from) ?? '', target, readOnly].join('|'),
      )
      .sort(),
    dependsOn: Object.fromEntries(service.dependsOn.map((one) => [one.service, [one.condition, one.required]])),
    environment: await environment(fixture, service),
    labels: pairs(child(node, 'labels')),
    command: words(child(node, 'command')),
    networks: service.networks.map((one) => one.name).sort(),
    secrets: service.secrets.map((one) => one.name).sort(),
    configs: service.configs.map((one) => one.name).sort(),
    containerName: service.containerName,
    replicas: service.replicas,
  }
}

/** A service as `docker compose config --format json` tells it, as far as it is compared. */
interface Told {
  image?: string
  build?: { context?: string; dockerfile?: string; dockerfile_inline?: string; target?: string; args?: object }
  ports?: { host_ip?: string; published?: string; target: number; protocol: string }[]
  expose?: string[]
  volumes?: { type: string; source?: string; target: string; read_only?: boolean }[]
  depends_on?: Record<string, { condition: string; required: boolean }>
  environment?: object
  labels?: object
  command?: string[]
  networks?: object
  secrets?: { source: string }[]
  configs?: { source: string }[]
  container_name?: string
  deploy?: { replicas?: number }
  scale?: number
}

function his(service: Told) {
  const dollars = (value: unknown): unknown => JSON.parse(JSON.stringify(value ?? null).replaceAll('$$', '$'))
  return {
    image: service.image,
    build: service.build && {
      context: service.build.context,
      dockerfile: service.build.dockerfile_inline === undefined ? service.build.dockerfile : undefined,
      target: service.build.target,
      args: service.build.args ?? {},
    },
    ports: (service.ports ?? [])
      .map((one) => `${one.host_ip ?? ''}|${one.published ?? ''}|${one.target}|${one.protocol}`)
      .sort(),
    expose: [...(service.expose ?? [])].sort(),
    volumes: (service.volumes ?? [])
      .map((one) => [one.type, one.source ?? '', one.target, one.read_only ?? false].join('|'))
      .sort(),
    dependsOn: Object.fromEntries(
      Object.entries(service.depends_on ?? {}).map(([name, one]) => [name, [one.condition, one.required]]),
    ),
    environment: dollars(service.environment ?? {}),
    labels: dollars(service.labels ?? {}),
    command: dollars(service.command ?? []),
    networks: Object.keys(service.networks ?? {})
      .filter((name) => name !== 'default')
      .sort(),
    secrets: (service.secrets ?? []).map((one) => one.source).sort(),
    configs: (service.configs ?? []).map((one) => one.source).sort(),
    containerName: service.container_name,
    replicas: service.deploy?.replicas ?? service.scale ?? 1,
  }
}

describe('Compose itself', () => {
  it('is there, or it is told why not', () => {
    if ('missing' in tool) console.log(`not compared with Compose: ${tool.missing}`)
    expect('file' in tool || tool.missing).toBeTruthy()
  })

  for (const name of names) {
    it(`reads ${name} as the planner does`, async () => {
      const [one, other] = [await ours(name), await theirs(name, 'file' in tool ? tool.file : '')]
      if ('refused' in other || 'refused' in one) {
        const refused = { ours: 'refused' in one, theirs: 'refused' in other }
        expect({ ...refused, one, other }).toMatchObject({ ours: true, theirs: stricter[name] === undefined })
        return
      }
      const mineAll: Record<string, unknown> = {}
      const hisAll: Record<string, unknown> = {}
      for (const service of one.project.services) mineAll[service.name] = await mine(name, service)
      for (const [service, told] of Object.entries(other.told)) hisAll[service] = his(told)
      expect(mineAll).toEqual(hisAll)
    })
  }
})
