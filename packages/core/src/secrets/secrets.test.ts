import { chmod, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { defaultSecrets } from './secrets.js'

let stateDir: string
beforeEach(async () => {
  stateDir = await mkdtemp(join(tmpdir(), 'appaloft-secrets-'))
})
afterEach(() => rm(stateDir, { recursive: true, force: true }))

const context = { resourceId: 'res_web', name: 'TOKEN', version: 1 }
const keyFile = () => join(stateDir, 'secret.key')
const unavailable = { code: 'secret-unavailable' }

describe('defaultSecrets', () => {
  it('opens what it sealed, any text', async () => {
    const secrets = defaultSecrets({ stateDir, env: {} })
    await fc.assert(
      fc.asyncProperty(fc.string({ unit: 'grapheme' }), async (value) => {
        const sealed = await secrets.seal(context, value)
        expect(await secrets.open(context, sealed)).toBe(value)
        expect(sealed).toMatch(/^v1\.[0-9a-f]{8}\.[\w-]+$/)
      }),
      { numRuns: 50 },
    )
  })

  it('seals the same value differently each time', async () => {
    const secrets = defaultSecrets({ stateDir, env: {} })
    expect(await secrets.seal(context, 'value')).not.toBe(await secrets.seal(context, 'value'))
  })

  it.each([
    ['another resource', { ...context, resourceId: 'res_other' }],
    ['another name', { ...context, name: 'OTHER' }],
    ['another version', { ...context, version: 2 }],
  ])('binds to the context: %s', async (_, other) => {
    const secrets = defaultSecrets({ stateDir, env: {} })
    await expect(secrets.open(other, await secrets.seal(context, 'value'))).rejects.toMatchObject(unavailable)
  })

  it('notices every changed character, and what is no sealed value', async () => {
    const secrets = defaultSecrets({ stateDir, env: {} })
    const sealed = await secrets.seal(context, 'v')
    for (let i = 0; i < sealed.length; i++) {
      const changed = `${sealed.slice(0, i)}${sealed[i] === 'A' ? 'B' : 'A'}${sealed.slice(i + 1)}`
      // The last character of base64url may hold bits that nobody reads.
      if (Buffer.from(changed.slice(12), 'base64url').equals(Buffer.from(sealed.slice(12), 'base64url')) && i > 12)
        continue
      await expect(secrets.open(context, changed)).rejects.toMatchObject(unavailable)
    }
    for (const junk of ['', 'v', 'v1.00000000.', 'v1.00000000.AAAA', sealed.slice(0, -8)]) {
      await expect(secrets.open(context, junk)).rejects.toMatchObject(unavailable)
    }
  })

  it('never says the value in an error', async () => {
    const sealed = await defaultSecrets({ stateDir, env: { APPALOFT_SECRET_KEY: 'one' } }).seal(context, 'top-secret')
    const error = await defaultSecrets({ stateDir, env: { APPALOFT_SECRET_KEY: 'two' } })
      .open(context, sealed)
      .catch((e) => e)
    expect(error).toMatchObject({ ...unavailable, message: expect.stringContaining('another key') })
    expect(JSON.stringify(error) + error.message).not.toMatch(/top-secret|one|two/)
  })

  it('digests by HMAC: repeatable, and different by resource, name, value and key', async () => {
    const digest = (key: string, ...of: [string, string, string]) =>
      defaultSecrets({ stateDir, env: { APPALOFT_SECRET_KEY: key } }).digest(...of)
    const all = await Promise.all([
      digest('k', 'res_a', 'N', 'v'),
      digest('k', 'res_b', 'N', 'v'),
      digest('k', 'res_a', 'M', 'v'),
      digest('k', 'res_a', 'N', 'w'),
      digest('l', 'res_a', 'N', 'v'),
      digest('k', 'res_aN', '', 'v'),
    ])
    expect(new Set(all).size).toBe(all.length)
    expect(all[0]).toMatch(/^[0-9a-f]{64}$/)
    expect(await digest('k', 'res_a', 'N', 'v')).toBe(all[0])
  })
})

describe('the key', () => {
  it('is made by the first use, private, and not before', async () => {
    const folder = join(stateDir, 'deep', 'state')
    const secrets = defaultSecrets({ stateDir: folder, env: {} })
    await expect(stat(folder)).rejects.toThrow()
    await expect(secrets.open(context, `v1.00000000.${'A'.repeat(60)}`)).rejects.toMatchObject(unavailable)
    await expect(stat(folder)).rejects.toThrow()
    const digest = await secrets.digest('res_a', 'N', 'v')
    expect((await stat(join(folder, 'secret.key'))).mode & 0o777).toBe(0o600)
    expect(await readdir(folder)).toEqual(['secret.key'])
    expect(await defaultSecrets({ stateDir: folder, env: {} }).digest('res_a', 'N', 'v')).toBe(digest)
  })

  it('is one, however many make it at once', async () => {
    for (let round = 0; round < 10; round++) {
      const digests = await Promise.all(
        Array.from({ length: 12 }, async (_, i) => {
          // Not in step, so that some come to read while others are about to write.
          for (let wait = 0; wait < i; wait++) await stat(stateDir)
          return defaultSecrets({ stateDir, env: {} }).digest('res_a', 'N', 'v')
        }),
      )
      expect(new Set(digests).size).toBe(1)
      expect(await readdir(stateDir)).toEqual(['secret.key'])
      await rm(keyFile())
    }
  })

  it('comes from APPALOFT_SECRET_KEY where that is set, and then no file is made', async () => {
    const sealed = await defaultSecrets({ stateDir, env: { APPALOFT_SECRET_KEY: 'a key' } }).seal(context, 'v')
    expect(await readdir(stateDir)).toEqual([])
    expect(
      await defaultSecrets({ stateDir: join(stateDir, 'x'), env: { APPALOFT_SECRET_KEY: 'a key' } }).open(
        context,
        sealed,
      ),
    ).toBe('v')
    await defaultSecrets({ stateDir, env: { APPALOFT_SECRET_KEY: '' } }).seal(context, 'v')
    expect(await readdir(stateDir)).toEqual(['secret.key'])
  })

  it('is missed by another state folder', async () => {
    const sealed = await defaultSecrets({ stateDir, env: {} }).seal(context, 'v')
    const other = defaultSecrets({ stateDir: join(stateDir, 'other'), env: {} })
    await expect(other.open(context, sealed)).rejects.toMatchObject(unavailable)
    await other.seal(context, 'w')
    await expect(other.open(context, sealed)).rejects.toMatchObject(unavailable)
  })

  it('is looked for again after a failure', async () => {
    const sealed = await defaultSecrets({ stateDir, env: {} }).seal(context, 'v')
    const text = await readFile(keyFile(), 'utf8')
    await rm(keyFile())
    const secrets = defaultSecrets({ stateDir, env: {} })
    await expect(secrets.open(context, sealed)).rejects.toMatchObject(unavailable)
    await writeFile(keyFile(), text)
    expect(await secrets.open(context, sealed)).toBe('v')
  })

  it('gets its private mode back', async () => {
    await defaultSecrets({ stateDir, env: {} }).seal(context, 'v')
    await chmod(keyFile(), 0o644)
    await defaultSecrets({ stateDir, env: {} }).seal(context, 'v')
    expect((await stat(keyFile())).mode & 0o777).toBe(0o600)
  })

  it.each(['', 'short', `appaloft-secret-key-1 ${'A'.repeat(20)}\n`])(
    'that is damaged is an error and stays: %j',
    async (text) => {
      await writeFile(keyFile(), text)
      const secrets = defaultSecrets({ stateDir, env: {} })
      await expect(secrets.seal(context, 'v')).rejects.toMatchObject(unavailable)
      expect(await readFile(keyFile(), 'utf8')).toBe(text)
    },
  )

  it('that cannot be written is an error', async () => {
    await writeFile(join(stateDir, 'file'), '')
    const secrets = defaultSecrets({ stateDir: join(stateDir, 'file'), env: {} })
    await expect(secrets.seal(context, 'v')).rejects.toMatchObject(unavailable)
    await mkdir(keyFile())
    await expect(defaultSecrets({ stateDir, env: {} }).seal(context, 'v')).rejects.toMatchObject(unavailable)
  })
})
