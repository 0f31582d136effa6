import { AppaloftError } from '@appaloft/core/spec'

/** What may be bound and read. libsql aborts the process on a boolean, so nothing else ever reaches it. */
export type Value = string | number | null
export type Row = readonly unknown[]

/** One connection, with its statements prepared once. All calls are synchronous. */
export interface Sql {
  get(text: string, ...values: Value[]): Row | undefined
  all(text: string, ...values: Value[]): Row[]
  /** How many rows were changed. */
  run(text: string, ...values: Value[]): number
  exec(text: string): void
  readonly inTransaction: boolean
  close(): void
}

interface Statement {
  raw(): Statement
  get(...values: Value[]): unknown
  all(...values: Value[]): unknown[]
  run(...values: Value[]): { changes: number }
}

/** The part of libsql's `Database` that is used. */
export interface Driver {
  prepare(text: string): Statement
  exec(text: string): unknown
  readonly inTransaction: boolean
  close(): unknown
}

export function sqlOf(driver: Driver): Sql {
  // readers in raw mode: rows as arrays, without the metadata that libsql adds to objects
  const readers = new Map<string, Statement>()
  const writers = new Map<string, Statement>()
  const prepared = (cache: Map<string, Statement>, text: string): Statement => {
    let statement = cache.get(text)
    if (statement === undefined) {
      statement = driver.prepare(text)
      if (cache === readers) statement.raw()
      cache.set(text, statement)
    }
    return statement
  }
  return {
    get: (text, ...values) => prepared(readers, text).get(...checked(values)) as Row | undefined,
    all: (text, ...values) => prepared(readers, text).all(...checked(values)) as Row[],
    run: (text, ...values) => prepared(writers, text).run(...checked(values)).changes,
    exec: (text) => {
      driver.exec(text)
    },
    get inTransaction() {
      return driver.inTransaction
    },
    close() {
      readers.clear()
      writers.clear()
      driver.close()
    },
  }
}

export function transaction<T>(sql: Sql, begin: string, work: () => T): T {
  sql.exec(begin)
  try {
    const answer = work()
    sql.exec('COMMIT')
    return answer
  } catch (error) {
    // a full disk ends the transaction by itself
    if (sql.inTransaction) sql.exec('ROLLBACK')
    throw error
  }
}

function checked(values: Value[]): Value[] {
  for (const value of values) {
    if (value === null || typeof value === 'string' || Number.isFinite(value)) continue
    throw new AppaloftError('invalid-input', {
      message: `A value of type ${typeof value} was given where the store needs text or a number.`,
    })
  }
  return values
}
