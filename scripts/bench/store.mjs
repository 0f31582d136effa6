import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { sqlite } from '@appaloft/store-sqlite'
import { sampleDeployment, sampleHolder } from '@appaloft/testkit'
import Database from 'libsql'
import { median, perSecond, repeat, row, since, times, title } from './measure.mjs'

const line = (number) => ({
  type: 'log',
  at: '2024-01-01T00:00:00.000Z',
  phase: 'execute',
  step: 'build',
  message: `added 184 packages, and audited ${number} packages in 3s`,
  data: { stream: 'stdout', source: 'build' },
})
const lines = (count) => Array.from({ length: count }, (_, number) => line(number))

/** Nothing that keeps the same rows as safely in the same kind of file can be faster. */
function bareInserts(path) {
  const database = new Database(path)
  database.exec('PRAGMA journal_mode = WAL')
  database.exec('PRAGMA synchronous = FULL')
  database.exec(
    `CREATE TABLE events (deployment INTEGER NOT NULL, sequence INTEGER NOT NULL, event TEXT NOT NULL,
     PRIMARY KEY (deployment, sequence)) STRICT, WITHOUT ROWID`,
  )
  const insert = database.prepare('INSERT INTO events (deployment, sequence, event) VALUES (?, ?, ?)')
  let sequence = 0
  return {
    async append(deploymentId, events) {
      database.exec('BEGIN IMMEDIATE')
      for (const event of events) {
        sequence += 1
        insert.run(1, sequence, JSON.stringify({ ...event, deploymentId, sequence }))
      }
      database.exec('COMMIT')
    },
    close: () => database.close(),
  }
}

/** How fast the store takes events so that they survive a power cut, beside the bare inserts, in turn; and how fast it gives them back. */
export async function store({ runs }) {
  const folder = mkdtempSync(join(tmpdir(), 'appaloft-bench-'))
  const bare = bareInserts(join(folder, 'bare.db'))
  const kept = sqlite({ path: join(folder, 'appaloft.db') })
  try {
    const record = sampleDeployment()
    const { lease } = await kept.createDeployment({ record, holder: sampleHolder(), events: [] })
    const guards = [{ key: lease.key, token: lease.token }]
    const append = (deploymentId, events) => kept.commit({ deploymentId, guards, events, durable: true })
    title('The store')
    for (const size of [1, 10, 100]) {
      const commits = 1000 / Math.sqrt(size) / 5
      const rate = async (work) => {
        const started = performance.now()
        for (let done = 0; done < commits; done++) await work(record.id, lines(size))
        return (Math.ceil(commits) * size * 1000) / since(started)
      }
      const found = await repeat(runs, async () => ({ bare: await rate(bare.append), kept: await rate(append) }))
      const of = (key) => median(found.map((one) => one[key]))
      row(
        `${size} a commit`,
        `${perSecond(of('kept'))} durably, ${times(of('kept') / of('bare'))} bare inserts (${perSecond(of('bare'))})`,
      )
    }
    const replays = await repeat(runs, () => replay(kept, record.id))
    row('replay', perSecond(median(replays)))
  } finally {
    bare.close()
    await kept.close()
    rmSync(folder, { recursive: true, force: true })
  }
}

async function replay(kept, id) {
  const started = performance.now()
  let after = 0
  for (;;) {
    const { events } = await kept.readEvents(id, { after, limit: 1000 })
    if (events.length === 0) return (after * 1000) / since(started)
    after = events.at(-1).sequence
  }
}
