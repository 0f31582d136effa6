import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { applicable, type ProxyFactory, proxyAbilities, proxyConformance } from '@appaloft/testkit'
import { describe, expect, it } from 'vitest'
import { type ProxyDaemon, startProxyDaemon } from './daemon.js'
import { embedded } from './index.js'

/** The daemon in this process, on a folder of its own; `restart` drops it without grace and starts another on what is on disk. */
const factory: ProxyFactory = {
  async create() {
    const stateDir = await mkdtemp(join(tmpdir(), 'appaloft-proxy-'))
    let daemon: ProxyDaemon | null = null
    const proxy = embedded()
    await proxy.open!({
      stateDir,
      ensure: async () => {
        daemon ??= await startProxyDaemon({ stateDir })
      },
    })
    return {
      proxy,
      restart: async () => {
        await daemon?.close({ graceMs: 0 })
        daemon = await startProxyDaemon({ stateDir })
      },
      close: async () => {
        await proxy.close!()
        await daemon?.close({ graceMs: 0 })
        await rm(stateDir, { recursive: true, force: true })
      },
    }
  },
}

describe('the embedded proxy, its daemon in this process', () => {
  const { run, skipped } = applicable(proxyConformance, proxyAbilities(embedded(), ['restart', 'trailers']))

  it('claims every ability that the suite asks for', () => {
    expect(skipped).toEqual([])
  })

  for (const one of run) it(`${one.id}: ${one.title}`, { timeout: 20_000 }, () => one.run(factory))
})
