import { createServer, type Server } from 'node:http'
import process from 'node:process'
import { takeLock } from '../shared/lock.js'
import { Layout } from '../shared/paths.js'
import { answering } from '../shared/talk.js'
import { note } from './log.js'
import { serveSite } from './site.js'
import { readSites, type Site } from './sites.js'
import { listenOn } from './socket.js'
import { writeStatus } from './status.js'
import { watchKeeper } from './watch.js'

const retryMs = 250
const drainMs = 10_000

interface Open {
  site: Site
  server: Server
  problem: string | null
}

/** Serves every static release of the state folder, each on its own port, as the table on disk says. */
export async function runStatic(stateDir: string): Promise<void> {
  const log = note('static')
  const layout = new Layout(stateDir)
  const lock = takeLock(layout.lock('static'))
  if (lock === null) return
  // One broken file must not take the other sites along.
  process.on('uncaughtException', (error) => log(`unexpected: ${error.stack ?? error.message}`))
  const open = new Map<string, Open>()
  const tellReady = () => writeStatus(layout, 'static', { ready: true, idle: open.size === 0, problem: null })

  const apply = async () => {
    const wanted = readSites(layout)
    for (const [name, one] of open) {
      const site = wanted.get(name)
      if (site !== undefined && same(site, one.site)) continue
      open.delete(name)
      close(one.server)
    }
    for (const [name, site] of wanted) if (!open.has(name)) open.set(name, await openSite(site))
  }
  const retry = setInterval(() => {
    for (const one of open.values()) if (one.problem !== null) void listen(one)
  }, retryMs)
  await apply()

  let queue: Promise<unknown> = Promise.resolve()
  const control = answering(() => {
    const applied = queue.then(apply).then(
      () => {
        tellReady()
        const problems = [...open.values()].filter((one) => one.problem !== null)
        return { problems: Object.fromEntries(problems.map((one) => [one.site.port, one.problem])) }
      },
      (error: unknown) => {
        log(`the table could not be applied: ${error instanceof Error ? error.message : 'unknown error'}`)
        return { failed: true }
      },
    )
    queue = applied
    return applied
  })
  await listenOn(control, layout.socket('static'))
  // Not before: who is told that it is ready asks it at once.
  tellReady()
  const watch = watchKeeper(layout, log)
  log(`serves ${open.size} sites`)
  process.once('SIGTERM', () => {
    watch.stop()
    clearInterval(retry)
    control.close()
    lock.release()
    for (const one of open.values()) close(one.server)
    setTimeout(() => process.exit(0), drainMs).unref()
  })
}

const same = (a: Site, b: Site) => a.root === b.root && a.port === b.port && a.spaFallback === b.spaFallback

async function openSite(site: Site): Promise<Open> {
  const server = createServer(serveSite(site))
  const one: Open = { site, server, problem: 'not listening yet' }
  await listen(one)
  return one
}

const listen = (one: Open): Promise<void> =>
  new Promise((resolve) => {
    const done = (problem: string | null) => {
      one.problem = problem
      one.server.removeAllListeners('listening').removeAllListeners('error')
      one.server.on('error', () => undefined)
      resolve()
    }
    one.server.once('listening', () => done(null))
    one.server.once('error', (error) => done('code' in error ? String(error.code) : error.message))
    one.server.listen(one.site.port, '127.0.0.1')
  })

/** Lets requests finish, within bounds. */
function close(server: Server): void {
  server.close()
  server.closeIdleConnections()
  setTimeout(() => server.closeAllConnections(), drainMs - 500).unref()
}
