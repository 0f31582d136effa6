import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { AppaloftError, BuildSigns, type Credentials, type Host, LineSplitter, type LogLine } from '@appaloft/core/spec'
import type { Engine } from '../api/engine.js'
import { buildConfig, registriesOf } from '../registry/build-config.js'
import { type BuildEvent, BuildEvents } from './rawjson.js'

export interface BuildxInput {
  engine: Engine
  host: Host
  cli: string
  env: Readonly<Record<string, string | undefined>>
  signal: AbortSignal
  /** Asked for each registry that the Dockerfile takes images from. */
  credentials: Pick<Credentials, 'registry'>
  /** Absolute. */
  context: string
  /** The text of a Dockerfile that is generated, else the path of one below the context. */
  dockerfile: { text: string; ignore: string } | { path: string }
  target?: string | undefined
  /** Where it is another one than the engine's. */
  platform?: string | null
  /** By name: the values go through the environment of the command, never through its arguments. */
  args: Readonly<Record<string, string>>
  secrets: Readonly<Record<string, string>>
  labels: Readonly<Record<string, string>>
  noCache: boolean
  onEvent(event: BuildEvent): void
}

export interface Failed {
  /** As the builder names the step: `[build 2/3] RUN …`. Null: it failed outside of any. */
  step: string | null
  /** What the step's command said last, oldest first. */
  lines: string[]
  /** Of everything that it said. */
  signs: BuildSigns
  error: string
  exitCode: number | null
}

export type BuildxResult = { image: string } | { failed: Failed }

const keptLines = 50
const secretPrefix = 'APPALOFT_BUILD_SECRET_'

/** Builds with BuildKit. The image has no name yet. */
export async function buildx(input: BuildxInput): Promise<BuildxResult> {
  const folder = await mkdtemp(join(tmpdir(), 'appaloft-build-'))
  try {
    const idFile = join(folder, 'image')
    const { dockerfile } = input
    const file = 'text' in dockerfile ? join(folder, 'Dockerfile') : join(input.context, dockerfile.path)
    if ('text' in dockerfile) {
      await writeFile(file, dockerfile.text)
      await writeFile(`${file}.dockerignore`, dockerfile.ignore)
    }
    const config = input.credentials.registry === undefined ? null : await loginsFor(input, file, folder)
    const seen = new Watch(input.onEvent)
    const result = await input.host.exec(argvOf(input, file, idFile) as [string, ...string[]], {
      cwd: folder,
      env: { ...environmentOf(input), ...(config === null ? {} : { DOCKER_CONFIG: config }) },
      signal: input.signal,
      maxBufferBytes: 64 * 1024,
      onLine: (line) => seen.line(line.text),
    })
    if (result.exitCode === 0) return { image: (await readFile(idFile, 'utf8')).trim() }
    return { failed: seen.failed(result.stderr) }
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

async function loginsFor({ credentials: hook, args, env }: BuildxInput, file: string, folder: string) {
  const registries = registriesOf(await readFile(file, 'utf8').catch(() => ''), args)
  return await buildConfig({ hook, registries, env, folder })
}

function argvOf(
  { cli, context, target, platform, args, secrets, labels, noCache }: BuildxInput,
  file: string,
  idFile: string,
): string[] {
  return [
    ...[cli, 'buildx', 'build', '--builder', 'default', '--progress', 'rawjson', '--file', file, '--iidfile', idFile],
    ...(target === undefined ? [] : ['--target', target]),
    ...(platform == null ? [] : ['--platform', platform]),
    ...Object.keys(args).flatMap((name) => ['--build-arg', name]),
    ...Object.keys(secrets).flatMap((name) => ['--secret', `id=${name},env=${secretPrefix}${name}`]),
    ...Object.entries(labels).flatMap(([name, value]) => ['--label', `${name}=${value}`]),
    ...(noCache ? ['--no-cache'] : []),
    context,
  ]
}

const kept = [
  'PATH',
  'HOME',
  'USER',
  'LANG',
  'TMPDIR',
  'DOCKER_CONFIG',
  'XDG_CONFIG_HOME',
  'XDG_RUNTIME_DIR',
  'SSL_CERT_FILE',
  'SSL_CERT_DIR',
]

/** What the command needs of ours, where the engine is, and the values that the build asks for by name. */
function environmentOf({ env, engine, args, secrets }: BuildxInput): Record<string, string> {
  const own = kept.flatMap((name) => (env[name] === undefined ? [] : [[name, env[name]]]))
  const hidden = Object.entries(secrets).map(([name, value]) => [`${secretPrefix}${name}`, value])
  return {
    ...args,
    ...Object.fromEntries([...own, ...hidden]),
    ...engine.address.environment,
    BUILDX_NO_DEFAULT_ATTESTATIONS: '1',
    // Else it asks `git` about the source, with the secrets in its environment, for attestations that nobody is given.
    BUILDX_GIT_INFO: '0',
    DOCKER_CLI_HINTS: 'false',
  }
}

interface Output {
  lines: string[]
  signs: BuildSigns
  splitter: Record<LogLine['stream'], LineSplitter>
}

/** Keeps of the events what a failure has to tell. */
class Watch {
  readonly #events: BuildEvents
  readonly #output = new Map<string, Output>()
  readonly #messages: string[] = []
  #failed: Extract<BuildEvent, { type: 'step-failed' }> | null = null

  constructor(onEvent: (event: BuildEvent) => void) {
    this.#events = new BuildEvents((event) => {
      this.#see(event)
      onEvent(event)
    })
  }

  line(text: string): void {
    this.#events.line(text)
  }

  #see(event: BuildEvent): void {
    // The steps beside the failed one are canceled, which is told as a failure too.
    if (event.type === 'step-failed' && (this.#failed === null || /context canceled/.test(this.#failed.error)))
      this.#failed = event
    if (event.type === 'message') {
      this.#messages.push(event.text)
      if (this.#messages.length > keptLines) this.#messages.shift()
    }
    if (event.type !== 'output') return
    let output = this.#output.get(event.step)
    if (output === undefined) {
      const lines: string[] = []
      const signs = new BuildSigns()
      const splitter = () =>
        new LineSplitter((text) => {
          signs.see(text)
          lines.push(text)
          if (lines.length > keptLines) lines.shift()
        })
      output = { lines, signs, splitter: { stdout: splitter(), stderr: splitter() } }
      this.#output.set(event.step, output)
    }
    output.splitter[event.stream].push(event.data)
  }

  failed(said: string): Failed {
    const output = this.#failed === null ? undefined : this.#output.get(this.#failed.step)
    output?.splitter.stdout.end()
    output?.splitter.stderr.end()
    const message = this.#messages.filter((one) => /^(?:ERROR|error)[: ]/.test(one)).at(-1)
    const error = this.#failed?.error ?? message ?? this.#messages.at(-1) ?? said.trim().slice(-1000)
    const exitCode = /exit code: (\d+)/.exec(error)?.[1]
    return {
      step: this.#failed?.name ?? null,
      lines: output?.lines ?? [],
      signs: output?.signs ?? new BuildSigns(),
      error: error.replace(/^ERROR: /, ''),
      exitCode: exitCode === undefined ? null : Number(exitCode),
    }
  }
}

export const notThere = (cli: string) =>
  new AppaloftError('command-not-found', {
    message: `The command ${cli} or its plugin buildx is not on this machine: it builds images.`,
    details: { command: cli },
    recoveryHint: 'Install Docker’s command line with buildx, or name it by the option cli.',
  })
