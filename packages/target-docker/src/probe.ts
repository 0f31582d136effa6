import { statfs } from 'node:fs/promises'
import process from 'node:process'
import type { CallOptions, Host, ProbeReport } from '@appaloft/core/spec'
import { AppaloftError } from '@appaloft/core/spec'
import type { Engine } from './api/engine.js'
import { fromEngine } from './errors.js'
import type { Settings } from './options.js'

type ProbeCheck = ProbeReport['checks'][number]

const failBytes = 64 * 1024 * 1024
const warnBytes = 2 * 1024 * 1024 * 1024

/** Is the engine ready, with the command that builds, and space? Reads only. */
export async function probe(
  find: () => Promise<Engine>,
  settings: Settings,
  host: Host,
  { signal }: CallOptions = {},
): Promise<ProbeReport> {
  const [engine, cli] = await Promise.all([engineChecks(find, signal), cliCheck(settings, host, signal)])
  const checks = [...engine, cli]
  return { ok: checks.every((check) => check.status !== 'failed'), checks }
}

async function engineChecks(find: () => Promise<Engine>, signal: AbortSignal | undefined): Promise<ProbeCheck[]> {
  try {
    const engine = await find()
    const [version, info] = await Promise.all([engine.version({ signal }), engine.info({ signal })])
    const message = `Docker Engine ${version.Version} answers (API ${version.ApiVersion}, ${info.OperatingSystem}, ${info.Architecture}).`
    const old = Number(version.ApiVersion.split('.')[1]) < 41 && version.ApiVersion.startsWith('1.')
    return [
      old
        ? { id: 'engine', status: 'failed', message, fix: 'Upgrade it to 20.10 or newer.' }
        : { id: 'engine', status: 'passed', message },
      ...(await spaceCheck(engine, info.DockerRootDir)),
    ]
  } catch (error) {
    signal?.throwIfAborted()
    const told = fromEngine(error, signal)
    const known = AppaloftError.isInstance(told)
    return [
      {
        id: 'engine',
        status: 'failed',
        message: known ? told.message : 'The Docker Engine answers something else than it should.',
        fix: known ? told.recoveryHint : 'Check what listens at its address.',
      },
    ]
  }
}

async function spaceCheck(engine: Engine, root: string): Promise<ProbeCheck[]> {
  const disk = engine.address.kind === 'unix' ? await statfs(root).catch(() => null) : null
  if (disk === null) return []
  const free = disk.bavail * disk.bsize
  const message = `${Math.floor(free / 1024 / 1024)} MiB are free on the disk of the engine.`
  if (free >= warnBytes) return [{ id: 'disk', status: 'passed', message }]
  return [
    {
      id: 'disk',
      status: free < failBytes ? 'failed' : 'warning',
      message,
      fix: 'Free space: let prune remove former releases, or run docker system prune.',
    },
  ]
}

async function cliCheck({ cli }: Settings, host: Host, signal: AbortSignal | undefined): Promise<ProbeCheck> {
  const env = Object.fromEntries(
    Object.entries(process.env).filter((one): one is [string, string] => one[1] !== undefined),
  )
  const asked = await host
    .exec([cli, 'buildx', 'version'], { env, timeoutMs: 15_000, ...(signal === undefined ? {} : { signal }) })
    .catch(() => null)
  signal?.throwIfAborted()
  if (asked?.exitCode === 0)
    return { id: 'buildx', status: 'passed', message: `It builds with ${asked.stdout.trim().slice(0, 100)}.` }
  return {
    id: 'buildx',
    status: 'warning',
    message: `${cli} buildx does not run here: images that exist can be deployed, and nothing can be built.`,
    fix: 'Install Docker’s command line with buildx, or name it by the option cli.',
  }
}
