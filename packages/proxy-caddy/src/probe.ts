import { connect } from 'node:net'
import { AppaloftError, type CallOptions, type Host, type ProbeReport } from '@appaloft/core/spec'
import { AdminApi, NotRunning } from './admin.js'
import { placed } from './later.js'
import { Elsewhere } from './machine.js'
import { type CaddyProxyOptions, reachOf, settle } from './options.js'
import { readEntries } from './place.js'

type ProbeCheck = ProbeReport['checks'][number]

/**
 * Is Caddy ready? Reads only, and starts nothing: one that is started by `start` and does not run yet is no fault, unless somebody else has
 * its ports.
 */
export async function probeCaddy(options: CaddyProxyOptions = {}, call: CallOptions = {}): Promise<ProbeReport> {
  const checks = await checksOf(options, call).catch((error: unknown): ProbeCheck[] => {
    call.signal?.throwIfAborted()
    if (!AppaloftError.isInstance(error) || error.code === 'invalid-composition') throw error
    return [{ id: 'admin', status: 'failed', message: error.message, fix: error.recoveryHint }]
  })
  return { ok: checks.every(({ status }) => status !== 'failed'), checks }
}

async function checksOf(options: CaddyProxyOptions, call: CallOptions): Promise<ProbeCheck[]> {
  const settings = settle(await placed(options))
  const { machine } = settings
  try {
    const { config } = await new AdminApi(settings, machine && new Elsewhere(machine)).configuration(call)
    const routes = readEntries(config, settings).length
    return [{ id: 'admin', status: 'passed', message: `Caddy’s admin API answers; ${routes} routes there are ours.` }]
  } catch (error) {
    if (!(error instanceof NotRunning)) throw error
  }
  if (settings.start === null)
    return [
      {
        id: 'admin',
        status: 'failed',
        message: `Nobody listens at Caddy’s admin API ${settings.admin}.`,
        fix: 'Start Caddy, or correct the option admin of the proxy.',
      },
    ]
  const ports = [settings.http, ...(settings.tls === 'off' ? [] : [settings.https])]
  const open = machine === null ? null : await listening(machine, call)
  const isTaken = async (listen: string) => open?.has(reachOf(listen).port) ?? (await answers(listen))
  const taken = await Promise.all(ports.map(async (listen) => ({ listen, taken: await isTaken(listen) })))
  return taken.map(({ listen, taken: by }, index) => {
    const id = index === 0 ? 'http' : 'https'
    const { port: from } = reachOf(listen)
    return by
      ? {
          id,
          status: 'failed',
          message: `Port ${from} of ${machine?.key ?? 'this machine'} is taken by another program.`,
          fix: `Stop that program, or set the option ${id} of the proxy to another port.`,
        }
      : { id, status: 'passed', message: `Port ${from} is free for Caddy, which is started when it is needed.` }
  })
}

/** A way through a forward tells nothing: it is open before anybody listens at its end. */
async function listening(machine: Host, { signal }: CallOptions): Promise<Set<number>> {
  const { stdout } = await machine.exec(['cat', '/proc/net/tcp', '/proc/net/tcp6'], {
    env: { PATH: '/usr/bin:/bin' },
    timeoutMs: 30_000,
    ...(signal && { signal }),
  })
  const local = [...stdout.matchAll(/^\s*\d+: [0-9A-F]+:([0-9A-F]{4}) \S+ 0A /gm)]
  return new Set(local.map(([, port = '']) => Number.parseInt(port, 16)))
}

function answers(listen: string): Promise<boolean> {
  const { host, port } = reachOf(listen)
  return new Promise((done) => {
    const attempt = connect({ host, port, timeout: 2_000 })
    const end = (taken: boolean) => {
      attempt.destroy()
      done(taken)
    }
    attempt.once('connect', () => end(true))
    attempt.once('error', () => end(false))
    attempt.once('timeout', () => end(false))
  })
}
