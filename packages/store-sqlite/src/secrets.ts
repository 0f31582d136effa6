import { type SealedSecret, type SecretContext, storeErrors } from '@appaloft/core/spec'
import type { Row, Sql } from './sql.js'

const columns = 'resource_id, name, version, sealed, digest'

const sealedOf = ([resourceId, name, version, sealed, digest]: Row): SealedSecret => ({
  resourceId: String(resourceId),
  name: String(name),
  version: Number(version),
  sealed: String(sealed),
  digest: String(digest),
})

export function getSealed(sql: Sql, { resourceId, name, version }: SecretContext): SealedSecret | null {
  const row = sql.get(
    `SELECT ${columns} FROM secrets WHERE resource_id = ? AND name = ? AND version = ?`,
    resourceId,
    name,
    version,
  )
  return row === undefined ? null : sealedOf(row)
}

export function listSealed(sql: Sql, resourceId: string, name?: string): SealedSecret[] {
  const rows =
    name === undefined
      ? sql.all(`SELECT ${columns} FROM secrets WHERE resource_id = ? ORDER BY name, version`, resourceId)
      : sql.all(`SELECT ${columns} FROM secrets WHERE resource_id = ? AND name = ? ORDER BY version`, resourceId, name)
  return rows.map(sealedOf)
}

export function putSealed(sql: Sql, secret: SealedSecret): void {
  const present = getSealed(sql, secret)
  if (present !== null) {
    if (present.digest !== secret.digest) throw storeErrors.secretExists(secret)
    return
  }
  const { resourceId, name, version, sealed, digest } = secret
  sql.run(`INSERT INTO secrets (${columns}) VALUES (?, ?, ?, ?, ?)`, resourceId, name, version, sealed, digest)
}

export const removeSealed = (sql: Sql, { resourceId, name, version }: SecretContext): number =>
  sql.run('DELETE FROM secrets WHERE resource_id = ? AND name = ? AND version = ?', resourceId, name, version)
