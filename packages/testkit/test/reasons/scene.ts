import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import {
  type Appaloft,
  type AppaloftOptions,
  createAppaloft,
  type GitCredential,
  memoryStore,
  type Planner,
  type Preview,
  type Reason,
  type ReasonCode,
  type ResourceDefinition,
  type Source,
  type Target,
} from '@appaloft/core'
import { compose } from '@appaloft/planner-compose'
import { dockerfile } from '@appaloft/planner-dockerfile'
import { image } from '@appaloft/planner-image'
import { node } from '@appaloft/planner-node'
import { staticSite } from '@appaloft/planner-static'
import { embedded } from '@appaloft/proxy-embedded'
import { process as processTarget } from '@appaloft/target-process'
import { FakeWorld, fakeProxy, fakeTarget } from '@appaloft/testkit'

export const fivePlanners = (): Planner[] => [node(), staticSite(), dockerfile(), image(), compose()]

/** Where a source lies is only known when the case runs. */
export const here = '{folder}'

export interface Situation {
  /** What the folder holds. */
  files: Record<string, string>
  /** Default the folder. `{folder}` stands for it. */
  source?: Source
  profiles?: Omit<ResourceDefinition, 'source' | 'id'>
  /** `process`: the target that is the default. `containers`: one that runs everything. `fake`: as `containers` allows. Default `process`. */
  target?: Target | 'process' | 'containers'
  planners?: Planner[]
  credential?: GitCredential
  /** The folder becomes a repository, whose branch is `main`. */
  repository?: true
  concurrency?: AppaloftOptions['concurrency']
  /** Another resource that is live on the target. */
  other?: { access: NonNullable<ResourceDefinition['access']> }
}

type Fix = (before: Situation) => Situation

export interface Case {
  code: ReasonCode
  situation: Situation
  /** What a person does who follows each entry of `fixPath`, in its order; a list where an entry leaves a choice. */
  fixes: (Fix | Fix[])[]
  /** Right values of fields that the reason gives no example of. */
  values?: Record<string, unknown>
}

const world = new FakeWorld()
const proxy = fakeProxy({ world })
/** A machine with an engine for containers. */
export const containers = (capabilities: Partial<Target['capabilities']> = {}): Target =>
  fakeTarget({
    world,
    proxy,
    capabilities: {
      artifactKinds: ['static-site', 'workspace', 'dockerfile', 'compose-project', 'image'],
      network: 'own',
      ...capabilities,
    },
  })

const targetOf = ({ target = 'process' }: Situation): Target =>
  target === 'process' ? processTarget({ proxy: embedded() }) : target === 'containers' ? containers() : target

const filled = <T>(value: T, folder: string): T =>
  JSON.parse(JSON.stringify(value).replaceAll(here, folder.replaceAll('\\', '\\\\'))) as T

const git = (folder: string, ...args: string[]) =>
  execFileSync('git', ['-C', folder, '-c', 'user.name=a', '-c', 'user.email=a@example.com', ...args], {
    stdio: 'ignore',
    env: { PATH: process.env.PATH, GIT_CONFIG_NOSYSTEM: '1', GIT_CONFIG_GLOBAL: '/dev/null' },
  })

function write(folder: string, files: Record<string, string>): void {
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true })
    if (!path.endsWith('/')) writeFileSync(join(folder, path), text)
    else mkdirSync(join(folder, path), { recursive: true })
  }
}

/** What is planned in a situation. */
export async function preview(situation: Situation): Promise<Preview> {
  return inSituation(situation, (engine, resource) => engine.deployments.plan({ resource }))
}

export async function inSituation<T>(
  situation: Situation,
  act: (engine: Appaloft, resource: ResourceDefinition & { id: string }) => Promise<T>,
): Promise<T> {
  const base = mkdtempSync(join(tmpdir(), 'appaloft-reasons-'))
  const folder = join(base, 'app')
  const { credential, other } = situation
  let engine: Appaloft | undefined
  try {
    if (Object.keys(situation.files).length > 0) {
      mkdirSync(folder)
      write(folder, situation.files)
      if (situation.repository) {
        git(folder, 'init', '-q', '-b', 'main')
        git(folder, 'add', '-A')
        git(folder, 'commit', '-q', '-m', 'one')
      }
    }
    const target = targetOf(situation)
    engine = createAppaloft({
      store: memoryStore(),
      targets: [target],
      planners: situation.planners ?? fivePlanners(),
      stateDir: join(base, 'state'),
      ...(situation.concurrency === undefined ? {} : { concurrency: situation.concurrency }),
      ...(credential === undefined ? {} : { credentials: { git: () => credential } }),
    })
    if (other !== undefined) {
      const definition = { id: 'res_other', source: { kind: 'local-folder' as const, path: folder } }
      const runtime = { startCommand: 'serve' }
      const network = { internalPort: 3000 }
      const done = await (
        await engine.deployments.create({ resource: { ...definition, runtime, network, access: other.access } })
      ).done
      if (done.status !== 'succeeded') throw new Error(`the other resource: ${done.failure?.message}`)
    }
    const source = filled(situation.source ?? { kind: 'local-folder', path: here }, folder)
    return await act(engine, { id: 'res_app', source, ...situation.profiles } as ResourceDefinition & { id: string })
  } finally {
    await engine?.close({ mode: 'cancel' })
    rmSync(base, { recursive: true, force: true, maxRetries: 10 })
  }
}

const lists = new Set(['access.hostnames', 'runtime.composeFiles'])

/** The situation with one entry of `overridePath` done. Without an example or a value it has to say that the field goes. */
export function overridden(before: Situation, way: Reason['overridePath'][number], values: Case['values']): Situation {
  const { profileField, example, action } = way
  if (profileField === undefined) throw new Error(`no field to set: ${action}`)
  const given = values !== undefined && Object.hasOwn(values, profileField)
  if (!given && example === undefined && !/remove/i.test(action)) throw new Error(`sets ${profileField} to nothing`)
  const value = given ? values[profileField] : example === undefined ? undefined : parsed(profileField, example)
  const definition = structuredClone({ source: before.source, ...before.profiles }) as Record<string, unknown>
  const path = profileField.split('.')
  let at = definition
  for (const name of path.slice(0, -1)) {
    at[name] =
      name === 'source' && at[name] === undefined ? { kind: 'local-folder', path: here } : { ...(at[name] as object) }
    at = at[name] as Record<string, unknown>
  }
  if (value === undefined) delete at[path.at(-1)!]
  else at[path.at(-1)!] = value
  const { source, ...profiles } = definition
  return { ...before, ...(source === undefined ? {} : { source: source as Source }), profiles }
}

function parsed(field: string, example: string): unknown {
  if (lists.has(field)) return [example]
  // As its schema has it: a version is a text, a port is none.
  const text = /^runtime\.(?:buildArgs|buildTarget|runtimeVersion)|\.value$/.test(field)
  return /^(?:\d+|true|false)$/.test(example) && !text ? JSON.parse(example) : example
}
