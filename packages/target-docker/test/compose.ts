import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import {
  AppaloftError,
  type BuildInput,
  type ErrorCode,
  type LogLine,
  type Plan,
  type ReleaseInput,
} from '@appaloft/core/spec'
import { fakeProxy, sampleId, samplePlan, sampleRelease } from '@appaloft/testkit'
import { expect, vi } from 'vitest'
import { cli, type Machine, machine, nodeImage } from './engine.js'

// Projects on a real engine, by the calls that the SDK's engine makes of a target.

let folder = ''
export let here: Machine
export let resourceId = ''
let count = 0

/** A machine for a file of tests. */
export async function setUp(): Promise<void> {
  folder = mkdtempSync(join(tmpdir(), 'appaloft-compose-'))
  here = await machine({ proxy: fakeProxy(), pull: 'missing' })
}
export async function tearDown(): Promise<void> {
  await here.close()
  rmSync(folder, { recursive: true, force: true })
}
/** After each test: what was deployed goes. */
export async function clear(): Promise<void> {
  for (const one of await here.target.list(resourceId)) await here.target.remove(one, 9)
  await here.target.discard(sampleRelease({ resourceId, plan: samplePlan({}) }), 9, { retained: [], volumes: true })
}

export const run = (...args: string[]) =>
  execFileSync(cli, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] })
export const lines = (...args: string[]) =>
  run(...args)
    .split('\n')
    .filter(Boolean)

/** Says who it is, what it finds, and what it is called. */
const say = `
import { createServer } from 'node:http'
import { readFileSync } from 'node:fs'
process.on('SIGTERM', () => process.exit(0))
const read = (path) => { try { return readFileSync(path, 'utf8') } catch (error) { return error.code } }
createServer(async (request, response) => {
  if (request.url === '/slow') { console.log('asked'); await new Promise((resolve) => setTimeout(resolve, 1500)) }
  response.end(JSON.stringify({ who: process.env.WHO, env: process.env, host: process.env.HOSTNAME, files: (process.env.READ ?? '').split(',').map(read), uid: process.getuid(), cwd: process.cwd() }))
  if (request.url === '/slow') console.log('answered')
}).listen(process.env.PORT ?? 80)
`

export const service = (more: string) =>
  `{ image: ${nodeImage}, init: true, command: [node, /say.mjs], volumes: [./say.mjs:/say.mjs:ro], ${more} }`
export const sleeper = (more = '') => `{ image: ${nodeImage}, init: true, command: [sleep, '600'], ${more} }`

export interface Project {
  compose: string
  services?: string[]
  target?: string
  files?: Record<string, string>
  plan?: Partial<Plan>
  environment?: Record<string, string>
  secretNames?: string[]
}

/** A resource of its own for each test. */
export const begin = () => {
  count += 1
  resourceId = `res_c${count}`
}

export async function build(number: number, project: Project, more: Partial<BuildInput> = {}) {
  const source = mkdtempSync(join(folder, 'source-'))
  for (const [name, content] of Object.entries({ 'say.mjs': say, 'compose.yaml': project.compose, ...project.files })) {
    mkdirSync(dirname(join(source, name)), { recursive: true })
    writeFileSync(join(source, name), content)
  }
  const names = [...project.compose.matchAll(/^ {2}([a-z]+):/gm)].map(([, name = '']) => name)
  const services =
    project.services ?? names.filter((name) => !['data', 'token', 'front', 'back', 'settings'].includes(name))
  const environment = Object.fromEntries(
    Object.entries(project.environment ?? {}).map(([name, value]) => [
      name,
      project.secretNames?.includes(name)
        ? {
            secret: true as const,
            name,
            version: 1,
            digest: Buffer.from(value).toString('hex'),
            scope: 'runtime' as const,
          }
        : { value, scope: 'runtime' as const },
    ]),
  )
  const plan = samplePlan({
    resourceId,
    artifact: {
      ...{ kind: 'compose-project', composeFiles: ['compose.yaml'], services },
      ...(project.target === '' ? {} : { targetServiceName: project.target ?? 'web' }),
    },
    environment,
    ...project.plan,
  })
  const logged: string[] = []
  const ids = { resourceId, deploymentId: sampleId('dep', number), releaseId: sampleId('rel', number) }
  const common = {
    ...ids,
    token: 1,
    signal: new AbortController().signal,
    log: (line: LogLine) => void logged.push(line.text),
    secretNames: project.secretNames ?? [],
  }
  const { artifact, cached } = await here.target.build({
    ...{ ...common, plan, sourceDirectory: source, inputsDigest: String(number), noCache: false, environment: {} },
    ...more,
  })
  rmSync(source, { recursive: true })
  const release = sampleRelease({ id: ids.releaseId, resourceId, deploymentId: ids.deploymentId, plan, artifact })
  const input: ReleaseInput = { ...common, release, environment: project.environment ?? {} }
  return { input, logged, cached }
}

export async function start(number: number, project: Project) {
  const built = await build(number, project)
  await here.target.start(built.input)
  return built
}

export const answer = async (input: ReleaseInput) => {
  return await vi.waitFor(
    async () => {
      const [address] = (await here.target.reach(input, 80)).probe
      if (address?.kind !== 'tcp') throw new Error('no address')
      const at = `http://${address.host}:${address.port}/`
      const text = await fetch(at, { signal: AbortSignal.timeout(3_000) }).then((one) => one.text())
      return JSON.parse(text) as { who: string; env: Record<string, string>; files: string[]; uid: number; cwd: string }
    },
    { timeout: 20_000, interval: 50 },
  )
}

export const containers = (name: string, ...more: string[]) =>
  lines(
    'ps',
    '--all',
    '--no-trunc',
    ...['resource=', 'service='].flatMap((key, i) => [
      '--filter',
      `label=appaloft.${key}${i === 0 ? resourceId : name}`,
    ]),
    ...more,
    '--format',
    '{{.ID}}',
  )
export const runningOf = (name: string) => containers(name, '--filter', 'status=running')

/** What a service gets under each name; an error's code where it gets nothing. */
export const askFrom = (name: string, hosts: readonly string[]): string[] => {
  const program = `Promise.all(process.argv.slice(1).map((host) => fetch('http://' + host, { signal: AbortSignal.timeout(3000) }).then((a) => a.json()).then((a) => a.who, (e) => e.cause?.code ?? e.name))).then((all) => console.log(all.join()))`
  const [id = ''] = runningOf(name)
  return run('exec', id, 'node', '-e', program, ...hosts)
    .trim()
    .split(',')
}

/** Lines that a release has printed. */
export async function printed(input: ReleaseInput): Promise<string[]> {
  const all: string[] = []
  for await (const { text } of here.target.logs(input)) all.push(text)
  return all
}

export const fails = async (act: Promise<unknown>, code: ErrorCode): Promise<AppaloftError> => {
  const error = await act.then(
    () => new Error('it was accepted'),
    (reason: unknown) => reason,
  )
  if (!AppaloftError.isInstance(error)) throw error
  expect(error.code, error.message).toBe(code)
  return error
}
