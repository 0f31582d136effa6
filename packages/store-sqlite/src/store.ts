import { type AcquireLease, type Store, storeErrors } from '@appaloft/core/spec'
import { adopt } from './adopt.js'
import { database } from './database.js'
import { commit, createDeployment, getDeployment, listDeployments, versionOf } from './deployments.js'
import { pruneEvents, readEvents } from './events.js'
import { bellPath } from './files.js'
import { acquire, beat, giveBack, leaseOf } from './leases.js'
import { resolveOptions, type SqliteOptions } from './options.js'
import { getRelease, listReleases, removeRelease } from './releases.js'
import { getResource, listResources, putResource, removeResource } from './resources.js'
import { getSealed, listSealed, putSealed, removeSealed } from './secrets.js'
import type { Sql } from './sql.js'
import { wakeups } from './wakeups.js'

const nothing = () => null
const none = () => []
const noop = () => {}

/**
 * A store in one SQLite file, which the processes of one machine may share. Opened on the first call: composing costs nothing, reading
 * never creates the file, and folder (0700) and file (0600) come with the first write. `close` ends calls and subscriptions of this
 * object; further ones fail with `store-unavailable`.
 *
 * The file must lie on a disk of this machine: SQLite's log needs shared memory, which network file systems do not offer.
 */
export function sqlite(options: SqliteOptions = {}): Store {
  const resolved = resolveOptions(options)
  const db = database(resolved, (changes) => bell.ring(changes))
  const bell = wakeups({
    bellPath: bellPath(resolved.path),
    pollMs: resolved.pollMs,
    revision: db.revision,
  })

  return {
    specVersion: 1,
    key: 'sqlite',
    capabilities: { durable: true, shared: 'machine' },

    getResource: (id) => db.read(nothing, (sql) => getResource(sql, id)),
    listResources: () => db.read(none, listResources),
    putResource: (record, expected, how = {}) =>
      db.write((sql) => putResource(sql, record, expected, how.guards), {
        changes: [],
        ...(expected === null ? {} : { missing: () => fail(storeErrors.resourceChanged(record.id, expected, null)) }),
      }),
    removeResource: (id, how = {}) => db.write((sql) => removeResource(sql, id, how), { missing: noop }),

    getSealed: (context) => db.read(nothing, (sql) => getSealed(sql, context)),
    listSealed: (resourceId, name) => db.read(none, (sql) => listSealed(sql, resourceId, name)),
    putSealed: (secret) => db.write((sql) => putSealed(sql, secret), { changes: [] }),
    removeSealed: async (context) => {
      await db.write((sql) => removeSealed(sql, context), { changes: [], missing: () => 0 })
    },

    createDeployment: (input) => db.write((sql) => createDeployment(sql, input), { changes: [input.record.id] }),
    getDeployment: (id) => db.read(nothing, (sql) => getDeployment(sql, id)),
    listDeployments: (query = {}) => db.read(none, (sql) => listDeployments(sql, query)),
    commit: ({ durable, ...input }) =>
      db.write((sql) => commit(sql, input), {
        durable,
        changes: [input.deploymentId],
        missing: () => fail(storeErrors.noDeployment(input.deploymentId)),
      }),

    adopt: (input) =>
      db.write((sql) => adopt(sql, input), {
        changes: input.deployments.map(({ record }) => record.id),
        ...(input.expected === null
          ? {}
          : { missing: () => fail(storeErrors.resourceChanged(input.resource.id, input.expected, null)) }),
      }),

    getRelease: (id) => db.read(nothing, (sql) => getRelease(sql, id)),
    listReleases: (query) => db.read(none, (sql) => listReleases(sql, query)),
    removeRelease: async (id) => {
      await db.write((sql) => removeRelease(sql, id), { changes: [], missing: () => 0 })
    },

    readEvents: (id, how = {}) =>
      db.read(
        () => fail(storeErrors.noDeployment(id)),
        (sql) => readEvents(sql, id, how),
      ),
    pruneEvents: (id, through) => db.write((sql) => pruneEvents(sql, id, through), { changes: [id], missing: () => 0 }),
    subscribe: bell.subscribe,

    readLease: (key) => db.read(nothing, (sql) => leaseOf(sql, key) ?? null),
    acquireLease: (input) =>
      db.write((sql) => acquire(sql, input, () => supersede(sql, input.with)), {
        changes: input.with === undefined ? [] : [input.with.deploymentId],
        ...(input.expect === null ? {} : { missing: nothing }),
      }),
    beatLeases: (leases) =>
      db.write((sql) => beat(sql, leases), {
        // a beat that a power cut swallows was the beat of a process that is gone
        durable: false,
        quiet: true,
        missing: () => leases.map(({ key }) => key),
      }),
    releaseLease: async (ref) => {
      await db.write((sql) => giveBack(sql, ref), { changes: [], missing: () => 0 })
    },

    async close() {
      bell.close()
      await db.close()
    },
  }
}

function supersede(sql: Sql, other: AcquireLease['with']): boolean {
  if (other === undefined) return true
  if (versionOf(sql, other.deploymentId) !== other.expectVersion) return false
  commit(sql, { ...other, guards: [] })
  return true
}

function fail(error: Error): never {
  throw error
}
