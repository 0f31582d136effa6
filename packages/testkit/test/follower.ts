// Follows an attempt of another process, and says what it sees and what that costs.

import { setTimeout as sleep } from 'node:timers/promises'
import type { Store } from '@appaloft/core'
import { sqlite } from '@appaloft/store-sqlite'
import { engineOn } from './attempt.js'
import { listen, say } from './programs.js'

const [path = '', folder = '', id = '', pollMs = ''] = process.argv.slice(2)
const file = sqlite({ path, ...(pollMs === '' ? {} : { pollMs: Number(pollMs) }) })
let reads = 0
const store: Store = {
  ...file,
  readEvents(...input) {
    reads += 1
    return file.readEvents(...input)
  },
  getDeployment(...input) {
    reads += 1
    return file.getDeployment(...input)
  },
}
const { appaloft, world } = engineOn(store, folder)

listen({
  async idle({ seconds }) {
    const before = { reads, cpu: process.cpuUsage(), at: performance.now() }
    await sleep(Number(seconds) * 1000)
    const { user, system } = process.cpuUsage(before.cpu)
    say('idled', {
      reads: reads - before.reads,
      cpuMs: (user + system) / 1000,
      wallMs: performance.now() - before.at,
    })
  },
})
const sequences: number[] = []
for await (const envelope of appaloft.deployments.events(id, { follow: true, heartbeatSeconds: 1 })) {
  if (envelope.kind === 'heartbeat') continue
  if (envelope.kind !== 'event') {
    const whole = sequences.every((sequence, i) => sequence === i + 1)
    say('closed', { ...envelope, whole, events: sequences.length })
    break
  }
  const { sequence, message = '' } = envelope.event
  sequences.push(sequence)
  if (sequence === 1) say('following')
  const [, number, written] = /^last (\d+) (\d+)$/.exec(message) ?? []
  if (written !== undefined)
    say('seen', { number: Number(number), ms: Number(process.hrtime.bigint() - BigInt(written)) / 1e6 })
}
await appaloft.close()
await world.close()
process.disconnect?.()
