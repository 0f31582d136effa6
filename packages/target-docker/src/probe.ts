import { statfs } from 'node:fs/promises'
import process from 'node:process'
import type { CallOptions, Host, ProbeReport } from '@appaloft/core/spec'
import { AppaloftError } from '@appaloft/core/spec'
import type { Engine } from './api/engine.js'
import type { Makers } from './builder/maker.js'
import { registryChecks } from './builder/registry-checks.js'
import { fromEngine } from './errors.js'
import type { Settings } from './options.js'

type ProbeCheck = ProbeReport['checks'][number]

const failBytes = 64 * 1024 * 1024
const warnBytes = 2 * 1024 * 1024 * 1024

/** Is the engine ready, with the commands that build and compose, and space? Reads only. */
export async function probe(
  find: () => Promise<Engine>,
  settings: Settings,
  host: Host,
  makers: Makers,
  { signal }: CallOptions = {},
): Promise<ProbeReport> {
  const checks = await Promise.all([
    engineChecks(find, { id: 'engine', disk: 'disk', does: 'answers' }, signal),
    makers.place === null
      ? []
      : engineChecks(() => makers.find(), { id: 'builder', disk: 'builder-disk', does: 'makes the images' }, signal),
    makers.place?.repository ? registryChecks(find, settings, host, makers, makers.place.repository, signal) : [],
    pluginChecks(settings, host, signal),
  ]).then((all) => all.flat())
  return { ok: checks.every((check) => check.status !== 'failed'), checks }
}

interface Words {
  id: string
  disk: string
  does: string
}

async function engineChecks(
  find: () => Promise<Engine>,
  words: Words,
  signal: AbortSignal | undefined,
): Promise<ProbeCheck[]> {
  try {
    const engine = await find()
    const [version, info] = await Promise.all([engine.version({ signal }), engine.info({ signal })])
    const message = `Docker Engine ${version.Version} ${words.does} (API ${version.ApiVersion}, ${info.OperatingSystem}, ${info.Architecture}).`
    const old = Number(version.ApiVersion.split('.')[1]) < 41 && version.ApiVersion.startsWith('1.')
    return [
      old
        ? { id: words.id, status: 'failed', message, fix: 'Upgrade it to 20.10 or newer.' }
        : { id: words.id, status: 'passed', message },
      ...(await spaceCheck(engine, info.DockerRootDir, words.disk)),
    ]
  } catch (error) {
    signal?.throwIfAborted()
    const told = fromEngine(error, signal)
    const known = AppaloftError.isInstance(told)
    return [
      {
        id: words.id,
        status: 'failed',
        message: known ? told.message : 'The Docker Engine answers something else than it should.',
        fix: known ? told.recoveryHint : 'Check what listens at its address.',
      },
    ]
  }
}

async function spaceCheck(engine: Engine, root: string, id: string): Promise<ProbeCheck[]> {
  const here = engine.address.kind === 'unix' && engine.address.elsewhere !== true
  const disk = here ? await statfs(root).catch(() => null) : null
  if (disk === null) return []
  const free = disk.bavail * disk.bsize
  const message = `${Math.floor(free / 1024 / 1024)} MiB are free on the disk of the engine.`
  if (free >= warnBytes) return [{ id, status: 'passed', message }]
  return [
    {
      id,
      status: free < failBytes ? 'failed' : 'warning',
      message,
      fix: 'Free space: let prune remove former releases, or run docker system prune.',
    },
  ]
}

async function pluginChecks({ cli }: Settings, host: Host, signal: AbortSignal | undefined): Promise<ProbeCheck[]> {
  const env = Object.fromEntries(
    Object.entries(process.env).filter((one): one is [string, string] => one[1] !== undefined),
  )
  return await Promise.all(
    plugins.map(async ({ id, does, without }): Promise<ProbeCheck> => {
      const asked = await host
        .exec([cli, id, 'version'], { env, timeoutMs: 15_000, ...(signal === undefined ? {} : { signal }) })
        .catch(() => null)
      signal?.throwIfAborted()
      if (asked?.exitCode === 0)
        return { id, status: 'passed', message: `${does} ${asked.stdout.trim().slice(0, 100)}.` }
      return {
        id,
        status: 'warning',
        message: `${cli} ${id} does not run here: ${without}.`,
        fix: `Install Docker’s command line with its plugin ${id}, or name it by the option cli.`,
      }
    }),
  )
}

/** What the `docker` command needs beside itself. */
const plugins = [
  {
    id: 'buildx',
    does: 'It builds with',
    without: 'images that exist can be deployed, and nothing can be built',
  },
  {
    id: 'compose',
    does: 'Compose projects are read by',
    without: 'everything but a Compose project can be deployed',
  },
]
