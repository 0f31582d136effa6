import process from 'node:process'
import type { Host, ProbeReport } from '@appaloft/core/spec'
import { EngineError } from '../api/client.js'
import type { Engine } from '../api/engine.js'
import type { Settings } from '../options.js'
import { loginFor, loginHeader } from '../registry/credentials.js'
import { type PullFault, pullFaultOf } from '../registry/faults.js'
import type { Makers } from './maker.js'
import type { Repository } from './options.js'

type ProbeCheck = ProbeReport['checks'][number]

/** Do both engines reach the registry between them, and does it accept the credentials? Neither pushes nor pulls. */
export async function registryChecks(
  find: () => Promise<Engine>,
  settings: Pick<Settings, 'credentials'>,
  host: Host,
  makers: Makers,
  repository: Repository,
  signal: AbortSignal | undefined,
): Promise<ProbeCheck[]> {
  const { registry } = repository
  const login = await loginFor(registry, { hook: settings.credentials, env: process.env, host, signal })
  const headers = loginHeader(login, registry)
  const check = async (id: string, where: string, engine: () => Promise<Engine>): Promise<ProbeCheck[]> => {
    const fault = await accessFault(engine, repository, headers, signal)
    signal?.throwIfAborted()
    if (fault === null) return []
    if (fault.fault === 'network')
      return [
        {
          id,
          status: 'failed',
          message: `${registry} cannot be reached from ${where}.`,
          fix: `Let ${where} reach ${registry}, or change the option build.registry.`,
        },
      ]
    if (fault.fault === 'credentials')
      return [
        {
          id,
          status: 'failed',
          message: `${registry} does not accept the credentials for ${repository.name}.`,
          fix: `Give credentials for ${registry} by the hook credentials.registry, or with docker login.`,
        },
      ]
    return [{ id, status: 'passed', message: `${registry} answers ${where}.` }]
  }
  const all = await Promise.all([
    check('registry-push', 'the engine that builds', () => makers.find()),
    check('registry-pull', 'the engine that runs the releases', find),
  ])
  return all.flat()
}

/** What the registry says to an engine that asks it for an image, there or not. Null: the engine itself does not answer. */
export async function accessFault(
  find: () => Promise<Engine>,
  { name }: Repository,
  headers: Record<string, string>,
  signal: AbortSignal | undefined,
): Promise<{ fault: PullFault | 'none'; said: string } | null> {
  try {
    const engine = await find()
    await engine.distribution(`${name}:latest`, headers, { signal })
    return { fault: 'none', said: '' }
  } catch (error) {
    if (!(error instanceof EngineError)) return null
    return { fault: pullFaultOf(error.message), said: error.message }
  }
}
