import { rmSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import process from 'node:process'
import { setTimeout as sleep } from 'node:timers/promises'
import { CodedError } from '../shared/errors.js'
import { isRecord, type JsonRecord, readRecord, writeJson } from '../shared/files.js'
import { takeLock } from '../shared/lock.js'
import { checkMark, raiseMark } from '../shared/marks.js'
import { Layout, type Ref } from '../shared/paths.js'
import { defaultConfig, type KeeperConfig, protocolVersion } from '../shared/protocol.js'
import { knownReleases, parseMeta, parseRef } from '../shared/records.js'
import { type Handlers, openControl } from './control.js'
import { Helper } from './helper.js'
import { note } from './log.js'
import { Ports } from './ports.js'
import { Release, type ReleaseHost } from './release.js'
import { rotateLog } from './rotate.js'
import { StaticSites } from './sites.js'
import { readProgram } from './spawn.js'

const tickMs = 250
const ownLogBytes = 1024 * 1024

/** Runs the keeper of a state folder until nothing is left to keep, or another version takes over. A second one ends at once. */
export async function runKeeper(stateDir: string): Promise<void> {
  const log = note('keeper')
  const layout = new Layout(stateDir)
  const program = readProgram(layout)
  if (program === null) throw new Error('the program file is missing')
  const lock = takeLock(layout.lock('keeper'), {
    protocol: protocolVersion,
    socket: layout.socket('keeper').path,
    program: program.file,
  })
  if (lock === null) return
  const config = readConfig(layout)
  const helpers = {
    proxy: new Helper('proxy', layout, program, log),
    static: new Helper('static', layout, program, log),
  }
  // The helpers first: what they take to start runs beside all the rest.
  helpers.proxy.wanted = config.proxy
  helpers.proxy.tick()
  const sites = new StaticSites(layout, helpers.static)
  const host: ReleaseHost = { layout, ports: new Ports(), sites, log }
  const releases = new Map<string, Release>()
  for (const { folder, meta } of knownReleases(layout)) {
    const release = new Release(folder, meta, host)
    releases.set(folder, release)
    release.adopt()
  }
  sites.save()
  if (!sites.empty) void sites.apply().catch((error: unknown) => log(`static: ${String(error)}`))
  void rm(layout.trash, { recursive: true, force: true }).catch(() => undefined)

  let busySince = performance.now()
  let calls = 0
  let closing = false
  const counted = async <T>(act: () => Promise<T>): Promise<T> => {
    if (closing) throw new CodedError('runtime-backend-unavailable', 'The keeper is ending.')
    calls += 1
    try {
      return await act()
    } finally {
      calls -= 1
      busySince = performance.now()
    }
  }
  const find = (ref: Ref) => releases.get(layout.release(ref))
  /** Effects wait for each other, and are compared when their turn has come. */
  const effect = (params: JsonRecord, act: (release: Release) => Promise<void>) =>
    counted(async () => {
      const ref = refOf(params)
      const token = numberOf(params.token)
      checkMark(layout, ref.resourceId, token)
      const release = find(ref)
      if (release === undefined) return
      await release.serial(async () => {
        checkMark(layout, ref.resourceId, token)
        // Who was waiting while it was removed finds what they want: nothing of it is left.
        if (find(ref) === release) await act(release)
      })
    })

  const handlers: Handlers = {
    hello: async () => ({ pid: process.pid, program: program.file }),
    fence: (params) =>
      counted(async () => {
        const { resourceId, owner } = params
        if (typeof resourceId !== 'string' || typeof owner !== 'string') throw misuse()
        raiseMark(layout, resourceId, { token: numberOf(params.token), owner }, numberOf(params.expected))
      }),
    start: (params) =>
      counted(async () => {
        const meta = parseMeta(params.meta)
        if (meta === null) throw misuse()
        const folder = layout.release(meta.ref)
        checkMark(layout, meta.ref.resourceId, meta.token)
        if (releases.has(folder)) return await releases.get(folder)?.serial(async () => undefined)
        const release = new Release(folder, meta, host)
        releases.set(folder, release)
        await release
          .serial(async () => {
            checkMark(layout, meta.ref.resourceId, meta.token)
            await release.start()
          })
          .catch((error: unknown) => {
            releases.delete(folder)
            throw error
          })
      }),
    stop: (params) => effect(params, (release) => release.stop(numberOf(params.graceMs))),
    restart: (params) =>
      counted(async () => {
        const ref = refOf(params)
        if (find(ref) === undefined)
          throw new CodedError('start-failed', 'There is nothing to start again: the release was removed.')
        await effect(params, (release) => release.restart())
      }),
    promoted: (params) => effect(params, async (release) => release.promote()),
    remove: (params) =>
      effect(params, async (release) => {
        await release.remove(numberOf(params.graceMs))
        releases.delete(release.folder)
      }),
    helper: (params) =>
      counted(async () => {
        if (params.role !== 'proxy' && params.role !== 'static') throw misuse()
        if (params.role === 'proxy' && !config.proxy) {
          config.proxy = true
          writeJson(layout.config, config)
        }
        await helpers[params.role].ready()
      }),
    shutdown: async (params) => {
      const running = [...releases.values()].filter((one) => one.active)
      if (params.force !== true && running.length > 0)
        throw new CodedError('conflict', `${running.length} releases are running.`, { running: running.length })
      closing = true
      await Promise.allSettled(running.map((one) => one.serial(() => one.stop(params.force === true ? 2_000 : 10_000))))
      end('asked to')
    },
  }

  const settle = async (patienceMs: number) => {
    closing = true
    const until = performance.now() + patienceMs
    while (calls > 0 && performance.now() < until) await sleep(10)
  }
  const leave = () => {
    // What this process holds ends with it; releases and helpers live on. Time for the last answer to be sent.
    lock.release()
    setTimeout(() => process.exit(0), 50)
  }
  const server = await openControl(layout, handlers, {
    log,
    called: () => {
      busySince = performance.now()
    },
    handover: async () => {
      log('handing over')
      clearInterval(timer)
      await settle(30_000)
      leave()
    },
  })
  const end = (why: string) => {
    if (ended) return
    ended = true
    closing = true
    log(`ends: ${why}`)
    clearInterval(timer)
    // The helpers first, or they would start another keeper.
    void Promise.allSettled([helpers.proxy.stop(), helpers.static.stop()]).then(() => {
      server.close()
      const { folder } = layout.socket('keeper')
      if (folder !== layout.keeper) rmSync(folder, { recursive: true, force: true })
      leave()
    })
  }
  let ended = false
  let ticks = 0
  const timer = setInterval(() => {
    ticks += 1
    helpers.proxy.tick()
    helpers.static.tick()
    for (const release of releases.values()) release.tick()
    if (ticks % 4 !== 0) return
    for (const release of releases.values()) release.rotate({ bytes: config.logBytes, files: config.logFiles })
    for (const role of ['keeper', 'proxy', 'static']) rotateLog(layout.log(role), { bytes: ownLogBytes, files: 1 })
    if (!lock.held()) {
      log('another keeper took over')
      process.exit(0)
    }
    if (helpers.static.wanted && sites.empty && ![...releases.values()].some((one) => one.meta.kind === 'static'))
      void helpers.static.stop()
    const routes = helpers.proxy.wanted && helpers.proxy.status()?.idle !== true
    if (calls > 0 || routes || [...releases.values()].some((one) => one.active)) busySince = performance.now()
    else if (performance.now() - busySince > config.idleMs) end('nothing is left to keep')
  }, tickMs)
  process.once('SIGTERM', () => {
    log('SIGTERM: leaves everything running')
    leave()
  })
  log(`keeps ${releases.size} releases`)
}

function readConfig(layout: Layout): KeeperConfig {
  const record = readRecord(layout.config)
  if (!isRecord(record)) return { ...defaultConfig }
  const number = (value: unknown, otherwise: number) => (typeof value === 'number' && value > 0 ? value : otherwise)
  return {
    proxy: record.proxy === true,
    idleMs: number(record.idleMs, defaultConfig.idleMs),
    logBytes: number(record.logBytes, defaultConfig.logBytes),
    logFiles: number(record.logFiles, defaultConfig.logFiles),
  }
}

const misuse = () => new CodedError('invalid-input', 'The call lacks what it needs.')

function refOf(params: JsonRecord): Ref {
  const ref = parseRef(params.ref)
  if (ref === null) throw misuse()
  return ref
}

function numberOf(value: unknown): number {
  if (typeof value !== 'number') throw misuse()
  return value
}
