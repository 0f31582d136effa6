import { pathToFileURL } from 'node:url'
import { AppaloftError } from '@appaloft/core/spec'
import { type Driver, type Sql, sqlOf } from './sql.js'

type Constructor = new (path: string, options: { timeout: number }) => Driver

/** How long SQLite itself waits, with the thread blocked. */
const blockingMs = 20

let driver: Promise<Constructor> | undefined

/** On first use: a native module is too dear for those who only compose. */
function load(): Promise<Constructor> {
  driver ??= import('libsql').then(
    (module) => module.default as unknown as Constructor,
    (cause: unknown) => {
      driver = undefined
      throw new AppaloftError('store-unavailable', {
        message: 'The native module libsql cannot be loaded.',
        recoveryHint:
          'Install @appaloft/store-sqlite with its optional dependencies, on a platform that libsql supports.',
        retriable: false,
        cause,
      })
    },
  )
  return driver
}

/** Opens an existing file; never creates it. */
export async function open(path: string, mode: 'ro' | 'rw'): Promise<Sql> {
  const Database = await load()
  return sqlOf(new Database(`${pathToFileURL(path).href}?mode=${mode}`, { timeout: blockingMs }))
}
