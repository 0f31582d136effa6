import type { Host } from '@appaloft/core/spec'
import { expect, it } from 'vitest'
import { AdminApi } from './admin.js'
import { Elsewhere } from './machine.js'

it('who gives up does not wait for the way to a Caddy elsewhere, and others go on', async () => {
  let failing: (reason: Error) => void = () => undefined
  const made = new Promise<never>((_, reject) => {
    failing = reject
  })
  let forwards = 0
  const forward = () => {
    forwards += 1
    return made
  }
  const machine = { forward } as unknown as Host
  const api = new AdminApi({ admin: 'http://127.0.0.1:2019', adminHost: null }, new Elsewhere(machine))
  const aborting = new AbortController()
  const given = api.configuration({ signal: aborting.signal })
  const other = api.configuration()
  aborting.abort(new Error('enough'))
  await expect(given).rejects.toThrow('enough')
  failing(new Error('no way'))
  await expect(other).rejects.toThrow('no way')
  expect(forwards).toBe(1)
}, 4_000)
