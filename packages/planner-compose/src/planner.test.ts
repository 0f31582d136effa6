// biome-ignore-all lint/suspicious/noTemplateCurlyInString: this is what Compose files hold
import { isBlocked, type PlanDraft, type Profiles, type Reason } from '@appaloft/core/spec'
import { describe, expect, it } from 'vitest'
import { contextOf, outcomeOf, readFixture } from '../test/fixtures.js'
import { compose } from './index.js'

type Files = Record<string, string>
type Given = Parameters<typeof contextOf>[0]['given']

const claimOf = (files: Files, given: Given = {}) => compose().detect(contextOf({ files, given }))
async function resultOf(files: Files, given: Given = {}) {
  const { result } = await outcomeOf(compose(), contextOf({ files, given }))
  if (result === undefined) throw new Error('not claimed')
  return result
}
async function ready(files: Files, given: Given = {}): Promise<PlanDraft> {
  const result = await resultOf(files, given)
  if (isBlocked(result)) throw new Error(`blocked: ${result.blocked[0].message}`)
  return result
}
async function blocked(files: Files, given: Given = {}): Promise<Reason> {
  const result = await resultOf(files, given)
  if (!isBlocked(result)) throw new Error('not blocked')
  return result.blocked[0]
}
async function warning(code: string, files: Files, given: Given = {}): Promise<Reason | undefined> {
  return (await ready(files, given)).warnings.find((one) => one.code === code)
}
const web = "services:\n  web:\n    image: example/web\n    ports: ['8080:3000']\n"
const override = (reason: Reason, field: string) => reason.overridePath.find((one) => one.profileField === field)
const variable = (name: string): Profiles['environment'] => ({ [name]: { secret: false, scope: 'runtime' } })

describe('the claim', () => {
  it('has the weakest basis, unless the profile asks for Compose', async () => {
    expect(await claimOf({ 'compose.yaml': web })).toMatchObject({ basis: 'compose', supportTier: 'container-native' })
    expect(await claimOf({ 'x.yaml': web }, { runtime: { composeFiles: ['x.yaml'] } })).toMatchObject({
      basis: 'explicit',
    })
    expect(await claimOf({ 'compose.yaml': web }, { runtime: { planner: 'compose' } })).toMatchObject({
      basis: 'explicit',
    })
    expect(await claimOf({ 'compose.yaml': web }, { runtime: { planner: 'node' } })).toBeNull()
  })

  it('is weak where the project cannot be deployed as it is, so that the search goes on below', async () => {
    expect(await claimOf({ 'compose.yaml': 'services: { db: { image: postgres } }' })).toMatchObject({
      supportTier: 'requires-override',
    })
    expect(await claimOf({ 'compose.yaml': 'services: [' })).toMatchObject({
      supportTier: 'requires-override',
      reason: expect.stringContaining('compose.yaml describes services, but: compose.yaml, line 1: This is not YAML'),
    })
  })
})

describe('each reason that blocks is repaired by what it names', () => {
  it('compose-invalid: the line is mended, or other files are named', async () => {
    const files = { 'compose.yaml': web.replace('image:', 'imgae:'), 'docker-compose.prod.yml': web }
    const reason = await blocked(files)
    expect(reason).toMatchObject({
      code: 'compose-invalid',
      phase: 'plan',
      affectedProfileField: 'runtime.composeFiles',
      message: 'compose.yaml, line 3: services.web has no key "imgae".',
      evidence: [{ kind: 'file', file: 'compose.yaml', value: { line: 3 } }],
      fixPath: [{ action: 'Mend compose.yaml, line 3.' }],
    })
    const other = override(reason, 'runtime.composeFiles')?.example ?? ''
    expect((await ready(files, { runtime: { composeFiles: [other] } })).artifact).toMatchObject({
      composeFiles: ['docker-compose.prod.yml'],
    })
    await ready({ 'compose.yaml': web })
  })

  it('compose-invalid: a variable that is required is set', async () => {
    const files = { 'compose.yaml': web.replace('example/web', '${IMAGE:?which image}') }
    const reason = await blocked(files)
    expect(reason.message).toContain('the variable IMAGE has no value (which image)')
    expect(override(reason, 'environment.IMAGE.value')).toBeDefined()
    await ready(files, { environment: variable('IMAGE') })
    await ready({ ...files, '.env': (reason.fixPath[0]?.example ?? '').replace('…', 'example/web') })
  })

  it('compose-invalid: a variable that nobody set leaves a hole', async () => {
    const files = { 'compose.yaml': web.replace('3000', '${PORT}') }
    const reason = await blocked(files)
    expect(reason.message).toContain('These variables have no value: PORT.')
    expect(override(reason, 'environment.PORT.value')).toBeDefined()
    await ready({ ...files, '.env': 'PORT=3000' })
  })

  it.each([
    ['env-file-missing', '.env.production', 'A=1'],
    ['secrets-no-file', 'token.txt', 'x'],
  ])('compose-invalid: %s, the file is added', async (name, path, text) => {
    const { files } = readFixture(name)
    const reason = await blocked(files)
    expect(reason.fixPath[0]?.example).toBe(path)
    await ready({ ...files, [path]: text })
  })

  it('compose-invalid: a profile of Compose that is needed is activated', async () => {
    const { files } = readFixture('profiles-needed')
    const reason = await blocked(files)
    await ready({ ...files, '.env': reason.fixPath[0]?.example ?? '' })
  })

  it('compose-invalid: a file is added where the planner was named and there is none', async () => {
    const given: Given = { runtime: { planner: 'compose' } }
    const reason = await blocked({ 'a.txt': '' }, given)
    expect(reason.message).toBe('There is no Compose file in this directory.')
    await ready({ 'a.txt': '', [reason.fixPath[0]?.example ?? '']: web }, given)
  })

  it('compose-target-service-missing: a candidate is named', async () => {
    const { files } = readFixture('serving-two')
    const reason = await blocked(files)
    expect(reason).toMatchObject({
      code: 'compose-target-service-missing',
      affectedProfileField: 'network.targetServiceName',
    })
    expect(reason.overridePath.map((one) => one.example)).toEqual(['front', 'api'])
    for (const { example = '' } of reason.overridePath) {
      const draft = await ready(files, { network: { targetServiceName: example } })
      expect(draft.network.targetServiceName).toBe(example)
      expect(draft.artifact).toMatchObject({ targetServiceName: example })
    }
  })

  it('missing-internal-port: one of the candidates is set, or said in the file', async () => {
    const { files } = readFixture('ports-several')
    const reason = await blocked(files)
    expect(reason).toMatchObject({ code: 'missing-internal-port', affectedProfileField: 'network.internalPort' })
    expect(reason.overridePath.map((one) => one.example)).toEqual(['3000', '4000'])
    const draft = await ready(files, { network: { internalPort: Number(reason.overridePath[1]?.example) } })
    expect(draft.network).toMatchObject({ internalPort: 4000, from: 'profile' })
    const none = readFixture('ports-none').files
    const said = `${none['compose.yaml']}    ${(await blocked(none)).fixPath[0]?.example ?? ''}\n`
    expect((await ready({ 'compose.yaml': said })).network).toMatchObject({ internalPort: 8080, from: 'planner' })
  })

  it('incompatible-source-strategy: the fields that it names are removed', async () => {
    const runtime = { buildCommand: 'make', dockerfilePath: 'Dockerfile', releaseCommand: 'migrate' }
    const reason = await blocked({ 'compose.yaml': web }, { runtime })
    expect(reason).toMatchObject({ code: 'incompatible-source-strategy', affectedProfileField: 'runtime.buildCommand' })
    const fields = reason.overridePath.map((one) => one.profileField?.replace('runtime.', ''))
    const left = Object.fromEntries(Object.entries(runtime).filter(([name]) => !fields.includes(name)))
    expect((await ready({ 'compose.yaml': web }, { runtime: left })).commands).toEqual({
      release: { command: 'migrate', from: 'profile' },
    })
  })
})

describe('each warning ends with what it names', () => {
  it('compose-variable-unset', async () => {
    const files = { 'compose.yaml': web.replace('example/web', 'example/web:1${SUFFIX}') }
    const reason = await warning('compose-variable-unset', files)
    expect(reason?.message).toContain('SUFFIX')
    const name = reason?.overridePath[0]?.profileField?.split('.')[1] ?? ''
    expect(await warning('compose-variable-unset', files, { environment: variable(name) })).toBeUndefined()
    expect(await warning('compose-variable-unset', { ...files, '.env': `${name}=` })).toBeUndefined()
  })

  it('shared-volume-overlap', async () => {
    const files = { 'compose.yaml': `${web}    volumes: ['data:/data', '/tmp/x']\nvolumes: { data: {} }\n` }
    const reason = await warning('shared-volume-overlap', files)
    expect(reason?.message).toContain('/data')
    expect(reason?.message).not.toContain('/tmp/x')
    expect(reason?.overridePath[0]).toMatchObject({ profileField: 'runtime.overlap', example: 'false' })
    expect(await warning('shared-volume-overlap', files, { runtime: { overlap: false } })).toBeUndefined()
    const readOnly = { 'compose.yaml': files['compose.yaml'].replace('data:/data', 'data:/data:ro') }
    expect(await warning('shared-volume-overlap', readOnly)).toBeUndefined()
  })

  it('no-overlap', async () => {
    const { files } = readFixture('networks-of-the-machine')
    expect(await warning('no-overlap', files)).toBeDefined()
    const mended = (files['compose.yaml'] ?? '').replace('network_mode: host, ', '')
    expect(await warning('no-overlap', { 'compose.yaml': mended })).toBeUndefined()
  })

  it('shell-as-pid-1', async () => {
    const { files } = readFixture('shell-first')
    expect(await warning('shell-as-pid-1', files)).toBeDefined()
    const mended = (files['compose.yaml'] ?? '').replace('&& serve', '&& exec serve')
    expect(await warning('shell-as-pid-1', { 'compose.yaml': mended })).toBeUndefined()
    expect(await warning('shell-as-pid-1', files, { runtime: { startCommand: 'serve' } })).toBeUndefined()
  })

  it('compose-in-place-change names the others', async () => {
    const files = { 'compose.yaml': `${web}  db: { image: postgres }\n  cache: { image: redis }\n` }
    expect((await warning('compose-in-place-change', files))?.message).toMatch(/^db and cache take no routed traffic/)
    expect(await warning('compose-in-place-change', { 'compose.yaml': web })).toBeUndefined()
  })
})

describe('what a preview shows', () => {
  it('is bounded, however much the files hold', async () => {
    const many = (count: number, text: (i: number) => string) =>
      Array.from({ length: count }, (_, i) => text(i)).join(', ')
    const long = 'x'.repeat(150)
    const service = (i: number) => `s${i}: {
  image: '${long}', container_name: '${long}', ports: [${many(40, (port) => `'${port + 1}:${port + 1}/udp'`)}],
  volumes: [${many(40, (volume) => `'/${long}${volume}'`)}], environment: ['A=\${A${i}}'] }`
    const result = await resultOf({ 'compose.yaml': `services: { ${many(25, service)} }` })
    if (!isBlocked(result)) throw new Error('not blocked')
    const { evidence = [], warnings = [] } = result.draft ?? {}
    const all = [...evidence, ...[...warnings, ...result.blocked].flatMap((one) => one.evidence)]
    expect(all.length).toBeGreaterThan(20)
    expect(all.length).toBeLessThan(200)
    for (const one of all) expect(JSON.stringify(one.value ?? null).length).toBeLessThan(4096)
    for (const one of [...warnings, ...result.blocked]) expect(one.message.length).toBeLessThan(4096)
  })

  it('no value of a variable, no command and no text of a broken file', async () => {
    const secret = 'hunter2'
    const files = {
      '.env': `PASSWORD=${secret}\n`,
      'web.env': `TOKEN=${secret}\n`,
      'compose.yaml': `${web}    env_file: web.env
    command: ['serve', '--password', '${secret}']
    environment: { PASSWORD: '$PASSWORD', OTHER: ${secret} }
    healthcheck: { test: ['CMD', 'check', '-p${secret}'] }
`,
    }
    expect(JSON.stringify(await resultOf(files))).not.toContain(secret)
    for (const broken of [
      `PASSWORD: ${secret}: x`,
      `"${secret}`,
      `[${secret}`,
      `{ ${secret}: *none }`,
      `a: \\"${secret}`,
    ]) {
      const claimed = await outcomeOf(
        compose(),
        contextOf({ files: { 'compose.yaml': broken, '.env': `X="${secret}` }, given: {} }),
      )
      expect(JSON.stringify(claimed)).not.toContain(secret)
    }
  })

  it('asks no process for its environment', async () => {
    process.env.COMPOSE_TEST_VARIABLE = 'from-the-process'
    try {
      const draft = await ready({ 'compose.yaml': web.replace('example/web', 'example/${COMPOSE_TEST_VARIABLE:-web}') })
      expect(JSON.stringify(draft)).not.toContain('from-the-process')
    } finally {
      delete process.env.COMPOSE_TEST_VARIABLE
    }
  })
})
