import { AppaloftError } from '@appaloft/core/spec'
import { type Sql, transaction } from './sql.js'

/** "Appa": tells our file from any other SQLite file. */
export const applicationId = 0x41_70_70_61

/**
 * What each schema version adds to the one before. Never edited once released: a change is a further entry.
 *
 * Records are JSON text, read back through their schemas; columns beside it are what is searched, compared or counted. The last sequence
 * of a deployment is in no column: SQLite writes a whole row again for one number of it, and log lines must not pay for the record.
 */
export const migrations: readonly string[] = [
  `
  CREATE TABLE counters (name TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT, WITHOUT ROWID;
  INSERT INTO counters VALUES ('order', 0);

  CREATE TABLE resources (id TEXT PRIMARY KEY, state_version INTEGER NOT NULL, record TEXT NOT NULL) STRICT;

  CREATE TABLE secrets (
    resource_id TEXT NOT NULL, name TEXT NOT NULL, version INTEGER NOT NULL,
    sealed TEXT NOT NULL, digest TEXT NOT NULL,
    PRIMARY KEY (resource_id, name, version)
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE deployments (
    number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE,
    resource_id TEXT NOT NULL, target TEXT NOT NULL, status TEXT NOT NULL, version INTEGER NOT NULL,
    idempotency_key TEXT, pruned INTEGER NOT NULL, record TEXT NOT NULL
  ) STRICT;
  CREATE INDEX deployments_by_resource ON deployments (resource_id, target, number);
  CREATE INDEX deployments_by_status ON deployments (status, number);
  CREATE UNIQUE INDEX deployments_by_key ON deployments (resource_id, idempotency_key) WHERE idempotency_key IS NOT NULL;

  CREATE TABLE events (
    deployment INTEGER NOT NULL, sequence INTEGER NOT NULL, event TEXT NOT NULL,
    PRIMARY KEY (deployment, sequence)
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE releases (
    number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE,
    resource_id TEXT NOT NULL, target TEXT NOT NULL, state TEXT NOT NULL, record TEXT NOT NULL
  ) STRICT;
  CREATE INDEX releases_by_resource ON releases (resource_id, target, number);

  CREATE TABLE leases (key TEXT PRIMARY KEY, token INTEGER NOT NULL, beats INTEGER NOT NULL, holder TEXT) STRICT, WITHOUT ROWID;
  `,
]

/** The version that the file says, unless it is of a later version of this package. Cheap: asked again in every transaction. */
export function refuseNewer(sql: Sql, latest = migrations.length): number {
  const version = Number(sql.get('PRAGMA user_version')?.[0])
  if (version > latest) {
    throw new AppaloftError('store-corrupt', {
      message: `The store was written by a newer version of @appaloft/store-sqlite: its schema is ${version}, this one knows ${latest}.`,
      details: { schemaVersion: version, supportedSchemaVersion: latest },
      recoveryHint: 'Upgrade @appaloft/store-sqlite to the version that wrote the store, or newer.',
    })
  }
  return version
}

/** The version of the file: 0 where it has no schema yet. Refuses files that are not ours, too. */
export function readVersion(sql: Sql, latest = migrations.length): number {
  // In one transaction: a file that another process is just creating would look like one of neither kind.
  return sql.inTransaction ? look(sql, latest) : transaction(sql, 'BEGIN', () => look(sql, latest))
}

function look(sql: Sql, latest: number): number {
  const version = refuseNewer(sql, latest)
  const foreign =
    version === 0
      ? sql.get('SELECT 1 FROM sqlite_schema LIMIT 1') !== undefined
      : Number(sql.get('PRAGMA application_id')?.[0]) !== applicationId
  if (foreign) {
    throw new AppaloftError('store-corrupt', {
      message: 'The file is a SQLite database of another program.',
      recoveryHint: 'Give the store a path of its own.',
    })
  }
  return version
}

/** Brings the file up to date, in the caller's write transaction. Safe where two processes do it at once: the second finds it done. */
export function migrate(sql: Sql, steps: readonly string[] = migrations): void {
  const version = readVersion(sql, steps.length)
  if (version === steps.length) return
  for (const step of steps.slice(version)) sql.exec(step)
  sql.exec(`PRAGMA application_id = ${applicationId}; PRAGMA user_version = ${steps.length}`)
}
