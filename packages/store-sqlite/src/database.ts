import { type BigIntStats, closeSync, statSync, writeSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { busyTooLong, closed, isBusy, isOpenFailure, replacedMeanwhile, translated } from './errors.js'
import { createFile, openBell } from './files.js'
import { open } from './open.js'
import type { ResolvedOptions } from './options.js'
import { migrate, migrations, readVersion, refuseNewer } from './schema.js'
import { type Sql, transaction } from './sql.js'

export interface WriteOptions<T> {
  /** The answer where there is no file yet: nothing is created. Without it, folder and file are. */
  missing?: () => T
  /** Must it survive power loss? Default true. */
  durable?: boolean
  /** Nobody needs to be woken. Default false. */
  quiet?: boolean
  /** The deployments that it changes. Default: any. */
  changes?: readonly string[]
}

/** The file, for transactions. Opened on the first call, read-only until the first write. */
export interface Database {
  read<T>(missing: () => T, work: (sql: Sql) => T): Promise<T>
  /** One transaction; `work` may run again where another process was at it. Calls take turns, in their order. */
  write<T>(work: (sql: Sql) => T, options?: WriteOptions<T>): Promise<T>
  /** Changes when another connection has committed; null where that cannot be told. */
  revision(): string | null
  close(): Promise<void>
}

interface Connection {
  sql: Sql
  mode: 'ro' | 'rw'
  /** Tells whether the path still leads to the file that is open. */
  inode: bigint
  device: bigint
  generation: number
  synchronous: 'FULL' | 'NORMAL' | undefined
  /** Touched after each commit. */
  bell: number | undefined
  wrote: boolean
}

export function database(
  { path, busyTimeoutMs }: ResolvedOptions,
  onCommit: (changes: readonly string[] | undefined) => void,
): Database {
  let connection: Connection | undefined
  let generation = 0
  let closing: Promise<void> | undefined
  let isClosed = false
  let turn: Promise<unknown> = Promise.resolve()

  const stat = (): BigIntStats | undefined => statSync(path, { bigint: true, throwIfNoEntry: false })

  function drop(): void {
    if (connection === undefined) return
    if (connection.bell !== undefined) closeSync(connection.bell)
    connection.sql.close()
    connection = undefined
  }

  /** The open connection, as long as the path still leads to its file: one that was removed or replaced is left behind. */
  function present(): Connection | undefined {
    if (connection === undefined) return undefined
    const now = stat()
    if (now?.ino !== connection.inode || now.dev !== connection.device) drop()
    return connection
  }

  /** Leaves the best connection that can be had in `connection`; none where there is no file. */
  async function connect(mode: 'ro' | 'rw'): Promise<void> {
    const have = present()
    if (have !== undefined && (have.mode === 'rw' || mode === 'ro')) return
    if (mode === 'rw') createFile(path)
    const before = stat()
    if (before === undefined) return
    const sql = await open(path, mode)
    // while libsql was loaded, another call may have connected, or closed
    const meanwhile = present()
    if (isClosed || (meanwhile !== undefined && (meanwhile.mode === 'rw' || mode === 'ro'))) {
      sql.close()
      if (isClosed) throw closed(path)
      return
    }
    try {
      if (mode === 'rw') prepareWriter(sql)
      else {
        const version = readVersion(sql)
        if (version < migrations.length) {
          sql.close()
          // 0: somebody is just creating it. An older one is brought up to date, the one case where a read writes.
          return version === 0 ? drop() : connect('rw')
        }
      }
    } catch (error) {
      sql.close()
      throw error
    }
    drop()
    generation += 1
    connection = {
      sql,
      mode,
      inode: before.ino,
      device: before.dev,
      generation,
      synchronous: undefined,
      bell: mode === 'rw' ? openBell(path) : undefined,
      wrote: false,
    }
  }

  /** Again and again while others are at it. A short wait blocks inside SQLite, longer ones leave the event loop free. */
  async function patiently<T>(attempt: () => Promise<T>): Promise<T> {
    const start = performance.now()
    for (;;) {
      try {
        return await attempt()
      } catch (error) {
        if (!isBusy(error)) throw translated(error, path)
        if (performance.now() - start >= busyTimeoutMs) throw busyTooLong(path, busyTimeoutMs, error)
      }
      await sleep(1 + Math.random() * 9)
    }
  }

  return {
    async read(missing, work) {
      if (closing !== undefined) throw closed(path)
      return patiently(async () => {
        await connect('ro').catch((error: unknown) => {
          // removed between the look and the open
          if (!isOpenFailure(error) || stat() !== undefined) throw error
        })
        const at = connection
        if (isClosed) throw closed(path)
        if (at === undefined) return missing()
        return transaction(at.sql, 'BEGIN', () => {
          refuseNewer(at.sql)
          return work(at.sql)
        })
      })
    },

    async write(work, { missing, durable = true, quiet = false, changes } = {}) {
      if (closing !== undefined) throw closed(path)
      const run = () =>
        patiently(async () => {
          if (missing !== undefined && present() === undefined && stat() === undefined) return missing()
          await connect('rw')
          const at = connection
          if (at?.mode !== 'rw') throw replacedMeanwhile
          const synchronous = durable ? 'FULL' : 'NORMAL'
          if (at.synchronous !== synchronous) at.sql.exec(`PRAGMA synchronous = ${synchronous}`)
          at.synchronous = synchronous
          const answer = transaction(at.sql, 'BEGIN IMMEDIATE', () => {
            refuseNewer(at.sql)
            return work(at.sql)
          })
          at.wrote = true
          if (!quiet) {
            onCommit(changes)
            if (at.bell !== undefined) writeSync(at.bell, '.', 0)
          }
          return answer
        })
      const mine = turn.then(run, run)
      turn = mine.catch(() => {})
      return mine
    },

    revision() {
      try {
        const at = present()
        return at === undefined ? null : `${at.generation}.${at.sql.get('PRAGMA data_version')?.[0]}`
      } catch {
        return null
      }
    },

    close() {
      closing ??= turn.then(() => {
        isClosed = true
        // The last writer leaves nothing in the log, so that whoever reads later finds everything in the main file. Others at work are
        // no obstacle: they do it when they close, and SQLite itself from time to time.
        try {
          if (connection?.wrote) connection.sql.get('PRAGMA wal_checkpoint(TRUNCATE)')
        } catch {}
        drop()
      })
      return closing
    },
  }
}

function prepareWriter(sql: Sql): void {
  // asked first: nothing is changed in a file that is not ours
  const version = readVersion(sql)
  sql.exec('PRAGMA journal_mode = WAL')
  if (version < migrations.length) transaction(sql, 'BEGIN IMMEDIATE', () => migrate(sql))
}
