import { setTimeout as sleep } from 'node:timers/promises'
import { controlLocation, proxyFolder, tableFile } from '../paths.js'
import { readStored } from '../stored.js'
import { ControlServer } from './control.js'
import type { Plane } from './decide.js'
import { Fault } from './fault.js'
import { Listeners } from './listeners.js'
import { createLog } from './log.js'
import type { ProxyDaemon, ProxyDaemonOptions } from './options.js'
import { pingProxyDaemon } from './ping.js'
import { Registry } from './registry.js'
import { Router } from './router.js'
import { bindControlSocket, type ControlSocket, privateFolder } from './socket.js'

const defaultGraceMs = 2_000
const defaultConnectTimeoutMs = 5_000
/** How often the daemon looks whether another one took over. */
const watchMs = 2_000

/**
 * Starts the proxy in this process, as its table file says it was. Resolves when the control socket answers and every listener that
 * could be opened is open; a port that someone else holds is tried again until it is free. Rejects where another daemon serves the
 * same state folder, or where the table cannot be read. Installs no signal handlers: that is for the process to decide.
 */
export async function startProxyDaemon(options: ProxyDaemonOptions): Promise<ProxyDaemon> {
  const { stateDir } = options
  const log = createLog(options.log)
  const controlSocket = options.controlSocket ?? controlLocation(stateDir).socket
  privateFolder(proxyFolder(stateDir))
  const other = await pingProxyDaemon(stateDir, { controlSocket })
  if (other !== null) throw new Error(`The proxy of this state folder runs already, as process ${other.pid}.`)

  const plane: Plane = {
    router: new Router([]),
    connectTimeoutMs: options.connectTimeoutMs ?? defaultConnectTimeoutMs,
    headerTimeoutMs: options.headerTimeoutMs ?? 0,
    log,
    closing: false,
  }
  const listeners = new Listeners(plane, log)
  let makeReady: (registry: Registry) => void = () => {}
  const ready = new Promise<Registry>((resolve) => {
    makeReady = resolve
  })
  const control = new ControlServer({
    ready,
    startedAt: new Date().toISOString(),
    problems: () => listeners.problems(),
    log,
  })
  control.server.on('error', (error) => log(`control socket: ${error.message}`))
  // First the socket, then the table: from here on, a former daemon that still runs changes nothing.
  const socket = await bindControlSocket(control.server, controlSocket)
  let registry: Registry
  try {
    registry = new Registry({
      plane,
      listeners,
      log,
      stored: await readStored(tableFile(stateDir)),
      tableFile: tableFile(stateDir),
      fixed: { host: options.host, port: options.port === 0 ? undefined : options.port },
      assertMine: () => {
        if (!socket.mine())
          throw new Fault('runtime-backend-unavailable', 'Another proxy daemon took over.', { takenOver: true })
      },
    })
    await registry.restore()
  } catch (error) {
    socket.release()
    listeners.stop()
    control.close()
    control.cut()
    throw error
  }
  makeReady(registry)
  log(`proxy started as process ${process.pid}`)
  return running({ plane, listeners, control, socket, registry, controlSocket, log })
}

interface Parts {
  plane: Plane
  listeners: Listeners
  control: ControlServer
  socket: ControlSocket
  registry: Registry
  controlSocket: string
  log(line: string): void
}

function running(parts: Parts): ProxyDaemon {
  const { plane, listeners, control, socket, registry, controlSocket, log } = parts
  let ended: () => void = () => {}
  const closed = new Promise<void>((resolve) => {
    ended = resolve
  })
  let closing: Promise<void> | null = null

  const shut = async (graceMs: number): Promise<void> => {
    clearInterval(watch)
    plane.closing = true
    socket.release()
    control.close()
    listeners.stop()
    const deadline = performance.now() + graceMs
    while (registry.busy && performance.now() < deadline) await sleep(20)
    registry.destroyAll()
    listeners.cut()
    control.cut()
    log('proxy ended')
    ended()
  }
  const close: ProxyDaemon['close'] = (options = {}) => {
    closing ??= shut(options.graceMs ?? defaultGraceMs)
    return closing
  }
  const watch = setInterval(() => {
    if (socket.mine()) return
    log('another proxy daemon took over')
    void close()
  }, watchMs)
  return { controlSocket, closed, close }
}
