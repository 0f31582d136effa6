import { applicable, hostConformance, hostsHere } from '@appaloft/testkit'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { haveSshd, type Sshd, startSshd, withoutSshd } from '../test/sshd.js'

describe.skipIf(!haveSshd)(`the host behind a real sshd ${withoutSshd}`, () => {
  let sshd: Sshd
  beforeAll(async () => {
    sshd = await startSshd()
  })
  afterAll(() => sshd.close())
  const factory = hostsHere(() => sshd.host())
  const { run, skipped } = applicable(hostConformance, ['processes', 'unix'])
  for (const one of run) it(one.title, { timeout: 60_000 }, () => one.run(factory))

  it('leaves out what is for the local host, and by which signal a command ended', () => {
    expect(skipped.map(({ id }) => id)).toEqual(['host.exec.signal', 'host.forward.itself'])
  })
})
