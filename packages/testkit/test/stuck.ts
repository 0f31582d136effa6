// Appends while observers do not read, and says what that did to the memory.

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { sqlite } from '@appaloft/store-sqlite'
import { appendLines, heldAttempt } from './attempt.js'
import { say } from './programs.js'

const [count = 0, observers = 0] = process.argv.slice(2).map(Number)
const line = 'x'.repeat(400)
const batch = 1_000

const folder = mkdtempSync(join(tmpdir(), 'appaloft-stuck-'))
const store = sqlite({ path: join(folder, 'appaloft.db') })
const { appaloft, handle, letGo, world } = await heldAttempt(store, folder)

// One never reads, one stops after its first event, one waits for the second and is told of it, but does not come back.
const streams = Array.from({ length: observers }, () => appaloft.deployments.events(handle.id, { follow: true }))
for (const [i, stream] of streams.entries()) for (let taken = 0; taken < i % 3; taken += 1) await stream.next()

function memory() {
  for (let i = 0; i < 4; i += 1) globalThis.gc?.()
  const { heapUsed, external, rss } = process.memoryUsage()
  return { heap: heapUsed + external, rss }
}

const append = async (events: number) => {
  for (let done = 0; done < events; done += batch)
    await appendLines(
      store,
      handle.id,
      Array.from({ length: batch }, (_, i) => `${done + i} ${line}`),
    )
}
// What every writer needs is there before the first look.
await append(10 * batch)
const before = memory()
await append(count)
const after = memory()

letGo()
const { status } = await handle.done
let read = 0
let order = true
for await (const envelope of streams[0] ?? []) {
  if (envelope.kind !== 'event') continue
  read += 1
  if (envelope.event.sequence !== read) order = false
}
const { last } = await store.readEvents(handle.id, { limit: 0 })
for (const stream of streams) await stream.return?.()
say('measured', {
  heap: after.heap - before.heap,
  rss: after.rss - before.rss,
  data: count * line.length,
  status,
  order,
  read,
  last,
})
await appaloft.close()
await world.close()
rmSync(folder, { recursive: true, force: true, maxRetries: 10 })
process.disconnect?.()
