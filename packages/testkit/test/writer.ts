// Writes bursts of events when told so, each a commit of its own.

import { setTimeout as sleep } from 'node:timers/promises'
import { sqlite } from '@appaloft/store-sqlite'
import { appendLines, heldAttempt } from './attempt.js'
import { listen, say } from './programs.js'

const [path = '', folder = ''] = process.argv.slice(2)
const store = sqlite({ path })
const { appaloft, handle, letGo, world } = await heldAttempt(store, folder)

listen({
  // The last one carries when it was committed, on the clock that all processes of this machine share.
  async burst({ number, size, pauseMs }) {
    for (let i = 1; i < Number(size); i += 1) {
      await appendLines(store, handle.id, [`${number}.${i}`])
      if (Number(pauseMs) > 0 && i % 4 === 0) await sleep(Number(pauseMs))
    }
    await appendLines(store, handle.id, [`last ${number} ${process.hrtime.bigint()}`])
    say('written', { number })
  },
  async end() {
    letGo()
    await handle.done
    await appaloft.close()
    await world.close()
    process.disconnect?.()
  },
})
say('ready', { id: handle.id })
