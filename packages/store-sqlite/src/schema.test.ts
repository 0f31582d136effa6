import { mkdtemp, rm } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { migrate, migrations, readVersion } from './schema.js'
import { type Driver, type Sql, sqlOf } from './sql.js'

const Libsql: new (path: string) => Driver = createRequire(import.meta.url)('libsql')

let folder: string
let sql: Sql
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'appaloft-schema-'))
  sql = sqlOf(new Libsql(join(folder, 'store.db')))
})
afterEach(async () => {
  sql.close()
  await rm(folder, { recursive: true, force: true })
})

describe('migrate', () => {
  const later = [...migrations, "CREATE TABLE later (a TEXT) STRICT; INSERT INTO later VALUES ('made')"]

  it('brings an empty file to the present schema, once', () => {
    expect(readVersion(sql)).toBe(0)
    migrate(sql)
    migrate(sql)
    expect(readVersion(sql)).toBe(migrations.length)
    expect(sql.get(`SELECT value FROM counters WHERE name = 'order'`)).toEqual([0])
  })

  it('adds only what an older file lacks, and keeps what it has', () => {
    migrate(sql)
    sql.run(`UPDATE counters SET value = 7 WHERE name = 'order'`)
    migrate(sql, later)
    migrate(sql, later)
    expect(readVersion(sql, later.length)).toBe(later.length)
    expect(sql.all('SELECT a FROM later')).toEqual([['made']])
    expect(sql.get(`SELECT value FROM counters WHERE name = 'order'`)).toEqual([7])
  })

  it('refuses a file of a later version, and leaves it alone', () => {
    migrate(sql, later)
    expect(() => migrate(sql)).toThrow(/newer version/)
    expect(readVersion(sql, later.length)).toBe(later.length)
  })
})

describe('readVersion', () => {
  it('sees one moment of a file that another process is just creating', () => {
    sql.exec('PRAGMA journal_mode = WAL')
    const other = sqlOf(new Libsql(join(folder, 'store.db')))
    const overtaken: Sql = {
      ...sql,
      get inTransaction() {
        return sql.inTransaction
      },
      get: (text, ...values) => {
        const row = sql.get(text, ...values)
        if (text === 'PRAGMA user_version') migrate(other)
        return row
      },
    }
    try {
      expect(readVersion(overtaken)).toBe(0)
    } finally {
      other.close()
    }
    expect(readVersion(sql)).toBe(migrations.length)
  })
})
