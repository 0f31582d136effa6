import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import process from 'node:process'
import { isRecord } from '../shared/files.js'
import { takeLock } from '../shared/lock.js'
import { Layout } from '../shared/paths.js'
import { note } from './log.js'
import { writeStatus } from './status.js'
import { watchKeeper } from './watch.js'

/** What this role needs of a proxy's daemon. */
export interface ProxyDaemon {
  closed?: Promise<void>
  close(): Promise<void>
}
export type StartProxyDaemon = (options: { stateDir: string; log: (line: string) => void }) => Promise<ProxyDaemon>

/** Runs the proxy's daemon in a process of its own, which looks after the keeper as the keeper looks after it. */
export async function runProxy(stateDir: string, start: StartProxyDaemon): Promise<void> {
  const log = note('proxy')
  const layout = new Layout(stateDir)
  const lock = takeLock(layout.lock('proxy'))
  if (lock === null) return
  let daemon: ProxyDaemon
  try {
    daemon = await start({ stateDir: layout.root, log })
  } catch (error) {
    const problem = error instanceof Error ? error.message : 'unknown error'
    writeStatus(layout, 'proxy', { ready: false, idle: false, problem })
    log(`could not start: ${problem}`)
    process.exitCode = 1
    return lock.release()
  }
  const tell = () => writeStatus(layout, 'proxy', { ready: true, idle: !hasRoutes(layout), problem: null })
  tell()
  const watch = watchKeeper(layout, log)
  const telling = setInterval(tell, 2_000)
  log('ready')
  const end = () => {
    watch.stop()
    clearInterval(telling)
    lock.release()
  }
  process.once('SIGTERM', () => {
    end()
    void daemon.close().finally(() => process.exit(0))
  })
  void daemon.closed?.then(end)
}

/** Does the proxy route anything? What it knows of a resource without routes (its fence) needs no process. */
function hasRoutes(layout: Layout): boolean {
  try {
    const table: unknown = JSON.parse(readFileSync(join(layout.root, 'proxy', 'table.json'), 'utf8'))
    if (!isRecord(table) || !isRecord(table.resources)) return false
    return Object.values(table.resources).some((one) => isRecord(one) && isRecord(one.table))
  } catch {
    return false
  }
}
