import { applicable, hostConformance, hostsHere } from '@appaloft/testkit'
import { describe, expect, it } from 'vitest'
import { localHost } from './localHost.js'

describe('the local host', () => {
  const factory = hostsHere(() => localHost({ graceSeconds: 0.3 }))
  const { run, skipped } = applicable(hostConformance, ['local', 'processes', 'signals', 'unix'])
  for (const one of run) it(one.title, { timeout: 30_000 }, () => one.run(factory))

  it('ends what runs when this process exits, and listens for that only meanwhile', async () => {
    const host = localHost()
    const before = process.listeners('exit')
    let exit: NodeJS.ExitListener | undefined
    const ended = host.exec(['sh', '-c', 'echo started; exec sleep 300'], {
      onLine: () => {
        exit = process.listeners('exit').find((one) => !before.includes(one))
        exit?.(0)
      },
      timeoutMs: 10_000,
    })
    await expect(ended).resolves.toMatchObject({ exitCode: null, signal: 'SIGKILL' })
    expect(exit).toBeDefined()
    expect(process.listeners('exit')).toEqual(before)
    await host.close()
  })

  it.each([
    ['a zero byte', 'secret\0'],
    ['too much', 'secret'.repeat(100_000)],
  ])('refuses %s without showing the arguments', async (_, argument) => {
    const error = await localHost()
      .exec(['echo', argument])
      .catch((reason: unknown) => reason)
    expect(error).toMatchObject({ code: 'invalid-input' })
    expect(JSON.stringify(error)).not.toContain('secret')
    expect(error).not.toHaveProperty('cause')
  })

  it('leaves no case out', () => {
    expect(skipped).toEqual([])
  })
})
