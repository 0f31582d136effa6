import type { Plan } from '../../spec/plan.js'
import type { ProbeAnswer } from '../../spec/prober.js'

/** The setting to change after an answer that the health policy does not take, and how. */
export interface AnswerSign {
  field: string
  hint: string
}

const tls = (port: number): AnswerSign => ({
  field: 'network.internalPort',
  hint: `It expects TLS: let it speak plain HTTP on network.internalPort (${port}); the proxy adds TLS in front.`,
})

/** Null: the code's own field decides. */
export function statusSign({ network, health }: Plan, { status, headers, body }: ProbeAnswer): AnswerSign | null {
  const field = 'health.path'
  const accepted = `or health.expectedStatus to ${status}`
  if (status >= 300 && status < 400) {
    const path = pathOf(headers.location)
    const other = path === null || path === health.path ? 'a path that does not redirect' : path
    return { field, hint: `Set health.path to ${other}, ${accepted}.` }
  }
  if (status === 404) return { field, hint: `Set health.path to a path that the application has, ${accepted}.` }
  if (status === 400 && /https (?:port|server)/i.test(body)) return tls(network.internalPort ?? 80)
  if ([400, 403, 421].includes(status) && /(?:\b|_)hosts?\b/i.test(body))
    return {
      field: 'health.type',
      hint: 'It refuses the host name localhost, by which its health is asked: let it accept that, or set health.type to tcp.',
    }
  if (status === 401 || status === 403)
    return { field, hint: `Set health.path to a path that needs no login, ${accepted}.` }
  return null
}

/** Without what may be a token in it. */
function pathOf(location: string | string[] | undefined): string | null {
  if (typeof location !== 'string') return null
  try {
    return new URL(location, 'http://localhost').pathname.slice(0, 200)
  } catch {
    return null
  }
}

/** @param raw what came instead of an answer in HTTP */
export function errorSign({ network }: Plan, code: string, raw: Uint8Array | undefined): AnswerSign | null {
  const alert = raw?.[0] === 0x15 && raw[1] === 0x03
  if (alert) return tls(network.internalPort ?? 80)
  if (code.startsWith('HPE_'))
    return { field: 'health.type', hint: 'It answers, and not in HTTP: set health.type to tcp, or to a command.' }
  if (code === 'ECONNRESET' || code === 'EPIPE')
    return {
      field: 'network.internalPort',
      hint: 'It takes the connection and closes it without an answer, as a server does that expects TLS: let it speak plain HTTP on network.internalPort.',
    }
  if (code === 'TIMEOUT')
    return {
      field: 'health',
      hint: 'Set health.path to one that answers at once, or give it more time with health.timeoutSeconds and health.startPeriodSeconds.',
    }
  return null
}
