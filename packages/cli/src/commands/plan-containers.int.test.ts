import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Preview, previewSchema } from '@appaloft/core/spec'
import { describe, expect, it } from 'vitest'
import { writeServer } from '../../test/apps.js'
import { program } from '../../test/program.js'

const cli = program()

const dockerfile = 'FROM node:22-slim\nCOPY server.js ./\nEXPOSE 8080\nCMD ["node", "server.js"]\n'

function write(name: string, files: Record<string, string>): string {
  const folder = cli.folder(name)
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(join(folder, path, '..'), { recursive: true })
    writeFileSync(join(folder, path), text)
  }
  return folder
}

async function plan(folder: string, ...flags: string[]): Promise<{ code: number | null; preview: Preview }> {
  const { code, stderr, documents } = await cli.run(['plan', folder, '--json', ...flags])
  const [document] = documents()
  expect(document, stderr).toBeDefined()
  return { code, preview: previewSchema.parse(document) }
}

describe('a Dockerfile beside a package.json', () => {
  it('is set aside by a target that runs no containers, and says so', async () => {
    const { code, preview } = await plan(writeServer(write('web', { Dockerfile: dockerfile })))
    expect(code).toBe(0)
    expect(preview.planner?.key).toBe('node')
    expect(preview.warnings.map((one) => one.code)).toContain('planner-not-for-target')
    expect(preview.candidates.find(({ planner }) => planner === 'dockerfile')).toMatchObject({
      basis: 'dockerfile',
      evidence: [{ file: 'Dockerfile' }],
      lostBecause: expect.stringContaining('cannot run dockerfile'),
    })
  })

  it('decides where no target filters, and is shown with why', async () => {
    const folder = writeServer(write('web', { Dockerfile: dockerfile }))
    const { code, preview } = await plan(folder, '--any-target')
    expect(code).toBe(0)
    expect(preview).toMatchObject({
      planner: { key: 'dockerfile', supportTier: 'container-native', reason: expect.stringContaining('Dockerfile') },
      artifact: { kind: 'dockerfile', dockerfilePath: 'Dockerfile', context: '.' },
      network: { internalPort: 8080, from: 'planner' },
    })
    expect(preview.candidates.find(({ planner }) => planner === 'node')?.lostBecause).toContain('outranks')

    const words = await cli.run(['plan', folder, '--any-target'])
    for (const text of ['dockerfile, container-native', 'dockerfile Dockerfile', 'port 8080', 'EXPOSE, line 3'])
      expect(words.stdout).toContain(text)
  })

  it('steps back where the profile says how it is started', async () => {
    const folder = writeServer(write('web', { Dockerfile: dockerfile }))
    const { preview } = await plan(folder, '--any-target', '--start', 'node server.js')
    expect(preview.planner?.key).toBe('node')
    expect(preview.candidates.find(({ planner }) => planner === 'dockerfile')?.lostBecause).toContain('explicit')
  })
})

describe('a Dockerfile alone', () => {
  it('is blocked by a target that runs no containers', async () => {
    const { code, preview } = await plan(write('web', { Dockerfile: dockerfile, 'server.js': '' }))
    expect(code).toBe(3)
    expect(preview.unsupportedReasons.map((one) => one.code)).toEqual(['unsupported-runtime-target'])
    expect(preview.warnings.map((one) => one.code)).toContain('planner-not-for-target')
  })

  it('is blocked without a port, and repaired by the flag for it', async () => {
    const folder = write('web', { Dockerfile: dockerfile.replace('EXPOSE 8080\n', 'EXPOSE 80 443\n'), 'server.js': '' })
    const blocked = await plan(folder, '--any-target')
    expect(blocked.code).toBe(3)
    const [reason] = blocked.preview.unsupportedReasons
    expect(reason?.code).toBe('missing-internal-port')
    const port = reason?.overridePath[0]?.example ?? ''
    expect((await plan(folder, '--any-target', '--port', port)).preview.network?.internalPort).toBe(Number(port))
  })

  it('is looked for below a folder that is none itself', async () => {
    const folder = write('web', { 'readme.md': '', 'deploy/Dockerfile': dockerfile, 'server.js': '' })
    const { preview } = await plan(folder, '--any-target')
    expect(preview.artifact).toMatchObject({ dockerfilePath: 'deploy/Dockerfile', context: '.' })
    expect(preview.source?.baseDirectory).toBe('deploy')
  })
})

describe('fields that contradict each other', () => {
  const asked = (runtime: Record<string, unknown>) =>
    write('web', {
      Dockerfile: dockerfile,
      'server.js': '',
      'public/index.html': '<p>x</p>',
      'appaloft.config.json': JSON.stringify({ runtime }),
    })

  it('are said, and not chosen between', async () => {
    const { code, preview } = await plan(
      asked({ dockerfilePath: 'Dockerfile', publishDirectory: 'public' }),
      '--any-target',
    )
    expect(code).toBe(3)
    expect(preview.unsupportedReasons.map((one) => one.code)).toEqual(['incompatible-source-strategy'])
    expect((await plan(asked({ dockerfilePath: 'Dockerfile' }), '--any-target')).preview.planner?.key).toBe(
      'dockerfile',
    )
    expect((await plan(asked({ publishDirectory: 'public' }), '--any-target')).preview.planner?.key).toBe('static')
  })
})

describe('what the prompt can say', () => {
  it('plans a blocked source by what it was told to type', async () => {
    const stages = `${dockerfile.replace('slim', 'slim AS web').replace('EXPOSE 8080', 'ARG LEVEL\nEXPOSE 80 443')}FROM web AS dev\n`
    const folder = write('web', { 'docker/Dockerfile': stages, 'server.js': '' })
    const flags = [
      '--any-target',
      '--dockerfile',
      'docker/Dockerfile',
      '--target-stage',
      'wep',
      '--build-arg',
      'LEVEL=9',
    ]
    const blocked = await cli.run(['plan', folder, ...flags])
    expect(blocked.code).toBe(3)
    const typed = /type: --target-stage (\S+)/.exec(blocked.stdout)?.[1] ?? ''
    flags[4] = typed
    const port = await cli.run(['plan', folder, ...flags])
    const [, flag = '', value = ''] = /type: (--port) (\d+)/.exec(port.stdout) ?? []
    const { code, preview } = await plan(folder, ...flags, flag, value)
    expect(code).toBe(0)
    expect(preview.artifact).toEqual({
      ...{ kind: 'dockerfile', dockerfilePath: 'docker/Dockerfile', context: '.', buildTarget: typed },
      buildArgs: { LEVEL: '9' },
    })
    expect(preview.network?.internalPort).toBe(Number(value))
  })

  it('takes an image and a Compose file as PATH', async () => {
    const image = await plan('docker://ghcr.io/acme/web:1', '--any-target', '--port', '8080')
    expect(image.code).toBe(0)
    expect(image.preview.artifact).toEqual({ kind: 'image', image: 'ghcr.io/acme/web:1' })
    const folder = write('shop', {
      'stack.yaml': "services: { web: { image: a, ports: ['80:3000'] }, api: { image: b, ports: ['81:3001'] } }",
    })
    const stack = await plan(join(folder, 'stack.yaml'), '--any-target', '--service', 'api')
    expect(stack.code).toBe(0)
    expect(stack.preview.artifact).toMatchObject({ composeFiles: ['stack.yaml'], targetServiceName: 'api' })
    const named = await plan(folder, '--any-target', '--compose-file', 'stack.yaml', '--service', 'web')
    expect(named.preview.network).toMatchObject({ internalPort: 3000, targetServiceName: 'web' })
  })

  it('shows no secret that a command or a build argument holds', async () => {
    const value = 'correct-horse-battery'
    const env = { TOKEN: value }
    const folder = writeServer(write('web', {}))
    const flags = ['--start', `node server.js --token ${value}`, '--build', `make ${value}`, '--secret', 'TOKEN']
    for (const more of [[], ['--json']]) {
      const { stdout, stderr, code } = await cli.run(['plan', folder, ...flags, ...more], { env })
      expect(code, stderr).toBe(0)
      expect(stdout).toContain('node server.js --token [redacted]')
      expect(stdout + stderr).not.toContain(value)
    }
    const image = write('image', { Dockerfile: dockerfile, 'server.js': '' })
    const args = ['--any-target', '--build-arg', `KEY=${value}`, '--build-secret', 'TOKEN', '--json']
    const built = await cli.run(['plan', image, ...args], { env })
    expect(built.code, built.stderr).toBe(0)
    expect(built.stdout + built.stderr).not.toContain(value)
  })
})

describe('an image', () => {
  const asked = (image: string, network: Record<string, unknown> = {}) =>
    write('web', { 'appaloft.config.json': JSON.stringify({ source: { kind: 'docker-image', image }, network }) })

  it('is planned where no target filters', async () => {
    const { code, preview } = await plan(asked('ghcr.io/acme/web:1', { internalPort: 8080 }), '--any-target')
    expect(code).toBe(0)
    expect(preview).toMatchObject({
      planner: { key: 'image', supportTier: 'container-native' },
      artifact: { kind: 'image', image: 'ghcr.io/acme/web:1' },
      network: { internalPort: 8080, from: 'profile' },
    })
    expect(preview.evidence).toContainEqual({ kind: 'image', signal: 'registry', value: 'ghcr.io' })
  })

  it('is refused by a target that runs none, since nothing else was asked for', async () => {
    const { code, preview } = await plan(asked('nginx', { internalPort: 80 }))
    expect(code).toBe(3)
    expect(preview.unsupportedReasons.map((one) => one.code)).toEqual(['unsupported-runtime-target'])
  })

  it('with a password in its reference is not read, and the password is shown nowhere', async () => {
    const { stdout, stderr, code } = await cli.run(['plan', asked('robot:hunter2@ghcr.io/acme/web'), '--any-target'])
    expect(code).toBe(3)
    expect(stdout).toContain('credentials-in-url')
    expect(stdout + stderr).not.toContain('hunter2')
  })

  it('is blocked with the reference that was meant, and by the missing port', async () => {
    const { code, preview } = await plan(asked('https://ghcr.io/Acme/Web'), '--any-target')
    expect(code).toBe(3)
    expect(preview.unsupportedReasons.map((one) => one.code)).toEqual([
      'image-reference-invalid',
      'missing-internal-port',
    ])
  })
})
