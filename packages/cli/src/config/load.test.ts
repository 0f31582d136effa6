import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { temporaryFolder } from '../../test/support.js'
import { CliError } from '../errors.js'
import { findConfig } from './find.js'
import { loadConfig } from './load.js'

const write = (name: string, text: string) => {
  const file = join(temporaryFolder(), name)
  writeFileSync(file, text)
  return file
}
const refusal = async (file: string, env: Record<string, string> = {}) => {
  const error = await loadConfig(file, { env }).catch((thrown) => thrown)
  expect(error).toBeInstanceOf(CliError)
  return (error as CliError).json
}
const issuesOf = async (value: unknown, env?: Record<string, string>) => {
  const { details } = await refusal(write('appaloft.config.json', JSON.stringify(value)), env)
  return (details.issues as { path: string; message: string }[]).map(({ path }) => path)
}

describe('the configuration file', () => {
  // All of the command's own sources are translated for it.
  it('is TypeScript with defineConfig, without any installation beside it', { timeout: 60_000 }, async () => {
    const file = write(
      'appaloft.config.ts',
      `import { defineConfig } from 'appaloft'
       const port: number = 3000
       export default defineConfig({ id: 'res_shop', network: { internalPort: port }, concurrency: 'wait' })`,
    )
    const config = await loadConfig(file, { env: {} })
    expect(config.resources.get('')).toEqual({ id: 'res_shop', network: { internalPort: 3000 } })
    expect(config.composition).toEqual({ concurrency: 'wait' })
  })

  it.each([
    ['appaloft.config.js', 'export default { id: "res_a" }'],
    ['appaloft.config.js', 'module.exports = { id: "res_a" }'],
    ['appaloft.config.mjs', 'export default { id: "res_a" }'],
    ['appaloft.config.mts', 'const id: string = "res_a"; export default { id }'],
    ['appaloft.config.json', '{ "id": "res_a" }'],
  ])('may be %s: %s', async (name, text) => {
    const config = await loadConfig(write(name, text), { env: {} })
    expect(config.resources.get('')).toEqual({ id: 'res_a' })
  })

  it('names every unknown field with its path', async () => {
    expect(
      await issuesOf({ id: 'res_a', runtime: { buildComand: 'x' }, newtork: {}, network: { internalPort: 'x' } }),
    ).toEqual(['runtime.buildComand', 'network.internalPort', 'newtork'])
    expect(await issuesOf({ resources: { web: { heath: {} } }, id: 'res_a' })).toEqual(['id', 'resources.web.heath'])
    expect(await issuesOf({ resources: {} })).toEqual(['resources'])
    expect(await issuesOf({ concurrency: 'maybe', retention: 0 })).toEqual(['concurrency', 'retention'])
    expect(await issuesOf([])).toEqual([''])
  })

  it('reads variables from the environment', async () => {
    const value = { environment: { TOKEN: { fromEnv: 'MY_TOKEN', secret: true }, A: { value: '1' } } }
    const file = write('appaloft.config.json', JSON.stringify(value))
    const { resources } = await loadConfig(file, { env: { MY_TOKEN: 'abc' } })
    expect(resources.get('')?.environment).toEqual({ TOKEN: { value: 'abc', secret: true }, A: { value: '1' } })
    expect(await issuesOf(value)).toEqual(['environment.TOKEN'])
    expect(await issuesOf({ environment: { A: { fromEnv: 'B', value: '1' } } }, { B: '' })).toEqual(['environment.A'])
  })

  it('looks past its resources where only the parts of the engine are wanted', async () => {
    const file = write('appaloft.config.json', '{ "stateDir": "./state", "wrong": 1 }')
    const config = await loadConfig(file, { env: {}, compositionOnly: true })
    expect(config.composition.stateDir).toBe(join(config.folder, 'state'))
  })

  it.each([
    ['appaloft.config.json', '{ "id": '],
    ['appaloft.config.ts', 'export default {'],
    ['appaloft.config.ts', 'throw new Error("no")'],
  ])('is refused in one line when it cannot be read: %s %s', async (name, text) => {
    const { code, message } = await refusal(write(name, text))
    expect(code).toBe('config-invalid')
    expect(message).toContain(name)
    expect(message).not.toContain('\n')
  })

  it('is named when it is missing, and when there are two', async () => {
    expect((await refusal(join(temporaryFolder(), 'nope.json'))).code).toBe('config-not-found')
    const file = write('appaloft.config.json', '{}')
    writeFileSync(join(file, '..', 'appaloft.config.ts'), '')
    expect(() => findConfig(join(file, '..'))).toThrow(/appaloft.config.ts, appaloft.config.json/)
  })
})
