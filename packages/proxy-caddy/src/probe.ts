import { connect } from 'node:net'
import { AppaloftError, type CallOptions, type ProbeReport } from '@appaloft/core/spec'
import { AdminApi, NotRunning } from './admin.js'
import { type CaddyProxyOptions, reachOf, settle } from './options.js'
import { readEntries } from './place.js'

type ProbeCheck = ProbeReport['checks'][number]

/**
 * Is Caddy ready? Reads only, and starts nothing: one that is started by `start` and does not run yet is no fault, unless somebody else has
 * its ports.
 */
export async function probeCaddy(options: CaddyProxyOptions = {}, call: CallOptions = {}): Promise<ProbeReport> {
  const checks = await checksOf(options, call)
  return { ok: checks.every(({ status }) => status !== 'failed'), checks }
}

async function checksOf(options: CaddyProxyOptions, call: CallOptions): Promise<ProbeCheck[]> {
  const settings = settle(options)
  try {
    const { config } = await new AdminApi(settings).configuration(call)
    const routes = readEntries(config, settings).length
    return [{ id: 'admin', status: 'passed', message: `Caddy’s admin API answers; ${routes} routes there are ours.` }]
  } catch (error) {
    call.signal?.throwIfAborted()
    if (AppaloftError.isInstance(error))
      return [{ id: 'admin', status: 'failed', message: error.message, fix: error.recoveryHint }]
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
  const taken = await Promise.all(ports.map(async (listen) => ({ listen, taken: await answers(listen) })))
  return taken.map(({ listen, taken: by }, index) => {
    const id = index === 0 ? 'http' : 'https'
    const { port: from } = reachOf(listen)
    return by
      ? {
          id,
          status: 'failed',
          message: `Port ${from} of this machine is taken by another program.`,
          fix: `Stop that program, or set the option ${id} of the proxy to another port.`,
        }
      : { id, status: 'passed', message: `Port ${from} is free for Caddy, which is started when it is needed.` }
  })
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
