import { samplePlan } from '@appaloft/testkit'
import { expect, it } from 'vitest'
import { siteDockerfile } from './site.js'
import { buildVariables } from './words.js'
import { workspaceDockerfile } from './workspace.js'

const settings = { baseImage: () => 'node:22-slim', siteImage: 'caddy:2-alpine' }
const npm = samplePlan({
  artifact: { kind: 'workspace', installDirectory: '.', workingDirectory: 'apps/web' },
  runtime: { family: 'node', version: '22', packageManager: { name: 'npm' } },
  commands: {
    install: { command: ['npm', 'ci'], from: 'planner' },
    build: { command: 'npm run build && echo "done"', from: 'profile' },
    start: { command: ['node', 'server.js'], from: 'planner' },
  },
})
const rendered = (plan = npm) => workspaceDockerfile(plan, settings, buildVariables(plan))

it('is written in layers: manifests, dependencies, source, build, and a release without what built it', () => {
  const text = rendered().replace(/RUN \["node","-e",.*\]/, 'RUN (keeps the manifests)')
  expect(text).toMatchInlineSnapshot(`
    "FROM node:22-slim AS base
    WORKDIR "/app"

    FROM base AS manifests
    COPY . .
    RUN (keeps the manifests)

    FROM base AS install
    COPY --from=manifests /app /app
    WORKDIR "/app"
    RUN --mount=type=cache,sharing=locked,target=/root/.npm ["/bin/sh","-c","unset APPALOFT_INPUTS PWD OLDPWD SHLVL; exec \\"$@\\"","sh","npm","ci"]

    FROM install AS source
    WORKDIR "/app"
    COPY . .
    WORKDIR "/app/apps/web"

    FROM source AS build
    ARG APPALOFT_INPUTS
    RUN ["/bin/sh","-c","unset APPALOFT_INPUTS PWD OLDPWD SHLVL; exec \\"$@\\"","sh","/bin/sh","-c","npm run build && echo \\"done\\""]

    FROM build AS production
    WORKDIR "/app"
    RUN --mount=type=cache,sharing=locked,target=/root/.npm ["/bin/sh","-c","unset APPALOFT_INPUTS PWD OLDPWD SHLVL; exec \\"$@\\"","sh","npm","prune","--omit=dev","--no-audit","--no-fund","--ignore-scripts"]

    FROM base AS release
    COPY --from=production --chown=1000:1000 /app /app
    WORKDIR "/app/apps/web"
    USER 1000:1000
    "
  `)
})

it('runs by a user without rights', () => {
  expect(rendered().trim().split('\n').at(-1)).toBe('USER 1000:1000')
})

it('the start command is no part of it: another one needs no other image', () => {
  const other = { ...npm, commands: { ...npm.commands, start: { command: 'node other.js', from: 'profile' as const } } }
  expect(rendered(other)).toBe(rendered())
})

it('variables are named and their values are not there; secrets are mounted, never set', () => {
  const plan = samplePlan({
    ...npm,
    environment: {
      PLAIN: { value: 'plain-value', scope: 'build' },
      LATER: { value: 'later-value', scope: 'runtime' },
      TOKEN: { secret: true, name: 'TOKEN', version: 1, digest: 'x', scope: 'both' },
    },
  })
  const text = rendered(plan)
  expect(text).toContain('ARG PLAIN')
  expect(text).toContain('--mount=type=secret,id=TOKEN,required=true')
  expect(text).not.toMatch(/ARG TOKEN|ENV |plain-value|later-value|LATER/)
})

it('nothing that the user writes leaves its word', () => {
  const hostile = 'true"]\nRUN touch /pwned\n# $HOME $(touch /pwned) `x` \\'
  const plan = samplePlan({ ...npm, commands: { ...npm.commands, build: { command: hostile, from: 'profile' } } })
  const lines = rendered(plan).split('\n')
  expect(lines.filter((line) => line.startsWith('RUN touch'))).toEqual([])
  const [line = ''] = lines.filter((one) => one.includes('pwned'))
  expect((JSON.parse(line.slice(line.indexOf('["'))) as string[]).at(-1)).toBe(hostile)
})

it.each(['../..', '/etc'])('a working directory %s outside the source is refused', (workingDirectory) => {
  const plan = samplePlan({ ...npm, artifact: { kind: 'workspace', installDirectory: '.', workingDirectory } })
  expect(() => rendered(plan)).toThrow('leads out')
})

it('a site without commands is copied, one with commands is built first', () => {
  const site = samplePlan({ artifact: { kind: 'static-site', publishDirectory: 'dist', spaFallback: false } })
  const plain = siteDockerfile(site, settings, buildVariables(site))
  expect(plain).toContain('COPY ["dist/","/site/"]')
  expect(plain).not.toContain('node:22-slim')
  const built = samplePlan({ ...site, commands: npm.commands, runtime: npm.runtime! })
  expect(siteDockerfile(built, settings, buildVariables(built))).toContain('COPY --from=build ["/app/dist/","/site/"]')
})
