import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { haveSshd, startSshd, withoutSshd } from '../../packages/target-ssh/test/sshd.js'
import { sizeOnMachine } from './index.js'

describe.skipIf(!haveSshd)(`with a machine ${withoutSshd}`, () => {
  it('copies a folder, and asks for its size', async () => {
    const sshd = await startSshd()
    onTestFinished(() => sshd.close())
    const from = join(sshd.folder, 'from')
    await mkdir(from)
    await writeFile(join(from, 'file'), 'x'.repeat(100_000))
    const to = join(sshd.folder, 'to/here')
    expect(await sizeOnMachine(from, to, sshd.options())).toMatch(new RegExp(`^1\\d\\d\\s+${to}\\n$`))
  })
})
