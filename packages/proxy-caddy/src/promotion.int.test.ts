import { expect, it } from 'vitest'
import { caddyProgram, noCaddy, startCaddy } from '../test/caddy.js'
import { underLoad } from '../test/switching.js'
import { caddy } from './index.js'

const releases = process.env.APPALOFT_SOAK === '1' ? 200 : 20

it.skipIf(caddyProgram === null)(
  `${releases} releases under eight busy clients lose nothing, and change no configuration (${noCaddy})`,
  { timeout: 600_000 },
  async () => {
    const program = await startCaddy()
    const proxy = caddy({ admin: program.admin, http: program.http })
    await proxy.open!({ stateDir: program.folder })
    const load = await underLoad(proxy, Number(program.http.split(':')[1]))
    try {
      const { etag } = await program.api.configuration()
      for (let number = 2; number <= releases + 1; number++) await load.deploy(number, 400)
      const { requests, failed, wrong, cut, answeredBy } = await load.clients.end()
      console.log(`${releases} releases, ${requests} requests, ${failed.length} failed, ${cut.length} cut`)
      expect({ failed, wrong, cut }).toEqual({ failed: [], wrong: [], cut: [] })
      expect(answeredBy.size).toBe(releases + 1)
      expect((await program.api.configuration()).etag).toBe(etag)
    } finally {
      await load.close()
      await program.close()
    }
  },
)
