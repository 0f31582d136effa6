import { type AcquireLease, type Holder, isClaimable, type Lease, type LeaseRef, nextToken } from '@appaloft/core/spec'
import { readLease, text } from './rows.js'
import type { Sql } from './sql.js'

export function leaseOf(sql: Sql, key: string): Lease | undefined {
  const row = sql.get('SELECT key, token, beats, holder FROM leases WHERE key = ?', key)
  return row === undefined ? undefined : readLease(row)
}

export function grant(sql: Sql, { key, holder, token }: { key: string; holder: Holder; token: number }): Lease {
  const stored = text(holder)
  sql.run(
    `INSERT INTO leases (key, token, beats, holder) VALUES (?, ?, 0, ?)
     ON CONFLICT (key) DO UPDATE SET token = excluded.token, beats = 0, holder = excluded.holder`,
    key,
    token,
    stored,
  )
  return { key, token, beats: 0, holder: JSON.parse(stored) as Holder }
}

/** Null where someone was faster. What `supersede` answers with false undoes nothing: it must not have written. */
export function acquire(
  sql: Sql,
  { key, holder, expect, expectBeats, minToken }: AcquireLease,
  supersede: () => boolean,
): Lease | null {
  const present = leaseOf(sql, key)
  if (!isClaimable(present, expect, expectBeats) || !supersede()) return null
  return grant(sql, { key, holder, token: nextToken(present?.token, minToken) })
}

export const isHeld = (sql: Sql, { key, token }: LeaseRef): boolean =>
  sql.get('SELECT 1 FROM leases WHERE key = ? AND token = ? AND holder IS NOT NULL', key, token) !== undefined

/** The row stays, so that the token keeps growing. */
export const giveBack = (sql: Sql, { key, token }: LeaseRef): number =>
  sql.run('UPDATE leases SET holder = NULL WHERE key = ? AND token = ?', key, token)

export const beat = (sql: Sql, leases: readonly LeaseRef[]): string[] =>
  leases
    .filter(
      ({ key, token }) =>
        sql.run(
          'UPDATE leases SET beats = beats + 1 WHERE key = ? AND token = ? AND holder IS NOT NULL',
          key,
          token,
        ) === 0,
    )
    .map(({ key }) => key)
