// biome-ignore-all lint/suspicious/noTemplateCurlyInString: this is what Compose files hold
import { describe, expect, it } from 'vitest'
import { contextOf, readFixture } from '../test/fixtures.js'
import { chooseFiles } from './files.js'
import { ComposeProblem } from './problem.js'
import { readProject } from './project.js'
import { child, type Node } from './tree.js'
import { shown, Variables } from './variables.js'

/** What a part of a project says, as JSON. Numbers and booleans are written as in the file. */
function plain(node: Node | undefined): unknown {
  if (node === undefined) return undefined
  if (node.kind === 'list') return node.items.map(plain)
  if (node.kind === 'map') return Object.fromEntries([...node.entries].map(([key, value]) => [key, plain(value)]))
  return node.value === null ? null : shown(node.text)
}

async function read(files: Record<string, string>, profile: string[] = []) {
  const context = contextOf({ files, given: {} })
  const chosen = await chooseFiles(context)
  const project = await readProject(context.root, {
    files: chosen?.files ?? [],
    variables: Variables.of(profile),
    service: undefined,
  })
  const services = child(project.model, 'services')
  return { project, get: (name: string, key: string) => plain(child(child(services, name), key)) }
}
const fixture = (name: string) => read(readFixture(name).files)
const problem = (text: string) =>
  read({ 'compose.yaml': text }).then(
    () => null,
    (error: ComposeProblem) => error,
  )

describe('variables', () => {
  it('are replaced in each form of the specification', async () => {
    const { get, project } = await fixture('variables-each-form')
    expect(get('web', 'image')).toBe('example/web:latest')
    expect(get('web', 'labels')).toEqual({
      plain: 'set',
      braced: 'set',
      'soft-unset': 'default',
      'soft-empty': 'default',
      'hard-unset': 'default',
      'hard-empty': '',
      required: 'set',
      'required-empty': '',
      'other-set': 'other',
      'other-empty': '',
      'other-hard': 'other',
      nested: 'set',
      twice: 'ab',
      literal: '$SET and ${SET}',
      kept: 'costs 5$ or $1',
      braces: '{"a":1}',
    })
    expect([...project.unset]).toEqual([])
  })

  it('come from the profile first, and stay unknown', async () => {
    const { get, project } = await read(
      { '.env': 'A=file\nB=$A', 'compose.yaml': 'services: { web: { image: "$A/$B/${A:+set}/${A:-no}/$C" } }' },
      ['A'],
    )
    expect(get('web', 'image')).toBe('${A}/${A}/set/${A}/')
    expect(project.fromProfile).toEqual(['A'])
    expect([...project.unset.keys()]).toEqual(['C'])
  })

  it('of environment files are read in each form', async () => {
    const { get } = await fixture('dotenv-each-form')
    expect(get('web', 'labels')).toEqual({
      exported: 'yes',
      plain: 'value',
      hash: 'value#no-comment',
      single: '$PLAIN stays',
      double: 'with value and "quotes"',
      lines: 'one\ntwo',
      next: 'value-next',
      empty: '',
      colon: 'yaml-like',
      spaced: 'spaced',
    })
  })

  it.each(['${', '${}', '${1}', '${A', '${A b}', '${A/b/c}', '${A:=b}', '${A:-${B}'])('%s is refused', async (text) => {
    const error = await problem(`services:\n  web:\n    image: '${text}'\n`)
    expect(error).toBeInstanceOf(ComposeProblem)
    expect(error?.at).toEqual({ file: 'compose.yaml', line: 3 })
    expect(error?.message).toMatch(/^services\.web\.image: /)
  })
})

describe('files upon each other', () => {
  it('merge by the rules of the specification', async () => {
    const { get } = await fixture('merge-lists')
    expect(get('web', 'command')).toBe('two words')
    expect(get('web', 'environment')).toEqual({ A: '1', B: 'two', C: '3' })
    expect(get('web', 'labels')).toEqual({ a: '1', b: '2' })
    expect(get('web', 'dns')).toEqual(['1.1.1.1', '8.8.8.8'])
    expect(get('web', 'expose')).toEqual(['3000', '3001'])
    expect(get('web', 'logging')).toEqual({ driver: 'syslog' })
    expect(get('web', 'depends_on')).toEqual({ db: { condition: 'service_healthy' } })
    expect(get('web', 'networks')).toEqual({ front: null, back: { aliases: ['shop'] } })
    expect(get('web', 'volumes')).toEqual([
      { type: 'volume', target: '/data', source: 'other' },
      { type: 'bind', target: '/conf', source: './conf', read_only: 'true' },
      { type: 'bind', target: '/more', source: './more' },
    ])
    expect(get('web', 'ports')).toHaveLength(2)
  })

  it('take away and replace with their tags', async () => {
    const { get } = await fixture('merge-reset')
    expect(get('web', 'environment')).toEqual({ B: '2', C: '3' })
    expect(get('web', 'volumes')).toBeUndefined()
    expect(get('web', 'ports')).toEqual([{ target: '4000', protocol: 'tcp', published: '9090' }])
    expect(get('db', 'ports')).toBeUndefined()
    expect(get('web', 'command')).toEqual(['serve'])
  })

  it('extend services through other files, whose paths stay theirs', async () => {
    const { get, project } = await fixture('extends-chain')
    expect(get('web', 'environment')).toEqual({ BASE: '1', MIDDLE: '1', TOP: '1' })
    expect(get('web', 'build')).toEqual({ context: './base/app', args: { A: '1' } })
    expect(get('web', 'env_file')).toEqual([{ path: './common/middle.env' }])
    expect(get('web', 'volumes')).toMatchObject([{ source: './common/conf' }])
    expect(project.taken.map(({ file, as }) => `${as} ${file}`)).toEqual([
      'compose-file compose.yaml',
      'extends common/middle.yaml',
      'extends base/base.yaml',
      'env-file common/middle.env',
    ])
  })

  it('include projects with their own directory and environment', async () => {
    const { get } = await fixture('include-long')
    expect(get('web', 'image')).toBe('example/web:outer')
    expect(get('web', 'labels')).toEqual({ one: '1', two: '2' })
    expect(get('web', 'build')).toEqual({ context: './parts/app' })
  })

  it('merge keys and anchors', async () => {
    const { get } = await fixture('yaml-anchors')
    expect(get('web', 'image')).toBe('example/web')
    expect(get('web', 'environment')).toEqual({ A: '1', B: 'three' })
    expect(get('web', 'deploy')).toEqual({ resources: { limits: { memory: '64M' } } })
    expect(get('worker', 'environment')).toEqual({ A: '1', B: '2' })
  })
})

describe('short forms', () => {
  const port = (written: string) =>
    read({ 'compose.yaml': `services: { web: { image: x, ports: ['${written}'] } }` }).then(
      ({ project }) => project.services[0]?.ports[0],
    )
  const web = { protocol: 'tcp', target: { from: 80, to: 80 } }
  it.each([
    ['80', web],
    ['8080:80', { ...web, published: '8080' }],
    [':80', web],
    ['127.0.0.1:8080:80', { ...web, published: '8080', hostIp: '127.0.0.1' }],
    ['127.0.0.1::80', { ...web, hostIp: '127.0.0.1' }],
    ['[::1]:8080:80/udp', { ...web, protocol: 'udp', published: '8080', hostIp: '::1' }],
    ['8000-8010:80', { ...web, published: '8000-8010' }],
    ['90-92:80-82/UDP', { protocol: 'udp', published: '90-92', target: { from: 80, to: 82 } }],
  ])('of ports: %s', async (written, expected) => expect(await port(written)).toEqual(expected))

  it.each(['', 'web', '80:', '80:web', '0', '65536', '1-0', '80/icmp', '90-92:80-81', '[::1]:80:1:2'])(
    'of ports: %j is refused',
    async (written) => expect(await port(written).catch((error: unknown) => error)).toBeInstanceOf(ComposeProblem),
  )

  const mount = (written: string) =>
    read({ 'compose.yaml': `services: { web: { image: x, volumes: ['${written}'] } }\nvolumes: { data: {} }` }).then(
      ({ project }) => {
        const { at: _at, ...rest } = project.services[0]?.mounts[0] ?? { at: null }
        return rest
      },
    )
  it.each([
    ['/data', { type: 'volume', target: '/data', readOnly: false }],
    ['data:/data', { type: 'volume', source: 'data', target: '/data', readOnly: false }],
    ['data:/data:ro', { type: 'volume', source: 'data', target: '/data', readOnly: true }],
    ['./x:/x:rw,z', { type: 'bind', source: './x', target: '/x', readOnly: false }],
    ['.:/x', { type: 'bind', source: '.', target: '/x', readOnly: false }],
    ['../x:/x', { type: 'bind', source: '../x', target: '/x', readOnly: false }],
    ['~/x:/x', { type: 'bind', source: '~/x', target: '/x', readOnly: false }],
    ['/run/x.sock:/x', { type: 'bind', source: '/run/x.sock', target: '/x', readOnly: false }],
    ['C:\\x:/x', { type: 'bind', source: 'C:\\x', target: '/x', readOnly: false }],
  ])('of volumes: %s', async (written, expected) => expect(await mount(written)).toEqual(expected))
})

describe('places', () => {
  it.each([
    ['services:\n  web:\n    image: x\n    port: 1\n', 4],
    ['services:\r\n  web:\r\n    image: x\r\n    port: 1\r\n', 4],
    ['services:\r  web:\r    image: x\r    port: 1\r', 4],
    ['# one\n\n---\nservices:\n  web: { image: x,\n    port: 1 }\n', 6],
    ['services:\n  web:\n    image: |\n      a\n      b\n    ports: [\n      "80",\n      "x"\n    ]\n', 8],
  ])('%j', async (text, line) => expect((await problem(text))?.at).toEqual({ file: 'compose.yaml', line }))
})
