import { describe, expect, it } from 'vitest'
import { type Files, planned as plannedOf } from '../test/planned.js'

const planned = (files: Files) => plannedOf({ 'package-lock.json': '{ "lockfileVersion": 3 }', ...files })

const manifest = (
  scripts: Record<string, string>,
  dependencies: Record<string, string> = {},
  more: Record<string, unknown> = {},
) => JSON.stringify({ scripts, dependencies, ...more })

describe('starts that only look like ones', () => {
  it.each([
    ['a serve command of a program that is not known', 'xyz serve', 'missing-start-intent'],
    ['a watcher of a program that is not known', 'xyz watch src', 'missing-start-intent'],
    ['a program that is known to serve files', 'serve -l $PORT', 'npm run start :3000 < -'],
  ])('%s', async (_, start, expected) => {
    const given = manifest({ start }, { express: '^5.0.0', serve: '^14.0.0' })
    expect(await planned({ 'package.json': given })).toBe(expected)
  })

  it('what is started again after each change is started once, also where nothing proves a port', async () => {
    const files = { 'worker.js': 'setInterval(() => {}, 1000)\n' }
    const given = manifest({ start: 'nodemon worker.js' }, { nodemon: '^3.0.0' })
    expect(await planned({ 'package.json': given, ...files })).toBe('missing-internal-port')
    expect(await planned({ 'package.json': given })).toBe('missing-start-intent')
  })

  it('an argument called serve is no server of files', async () => {
    const given = manifest({ start: 'node run.js serve' })
    const file = "require('http').createServer().listen(3000)\n"
    expect(await planned({ 'package.json': given, 'run.js': file })).toBe('missing-internal-port')
  })

  it('a server of files by version beside an export', async () => {
    const given = manifest({ build: 'next build', start: 'npx serve@latest out' }, { next: '^15.0.0' })
    const files = { 'next.config.ts': "export default { output: 'export' }\n", 'app/page.tsx': '' }
    expect(await planned({ 'package.json': given, ...files })).toBe('serves out < npm run build')
  })
})

describe('a start that serves files', () => {
  it.each<[string, Files, string]>([
    ['of a folder that nothing writes', {}, 'missing-build-intent'],
    ['of a folder that is there', { 'web/out/about.html': '<p>' }, 'serves web/out < -'],
  ])('%s', async (_, files, expected) => {
    expect(await planned({ 'package.json': manifest({ start: 'http-server web/out -p 3000' }), ...files })).toBe(
      expected,
    )
  })

  it('of a folder that the build writes', async () => {
    const given = manifest({ start: 'npx http-server web/out', build: 'make site' })
    expect(await planned({ 'package.json': given })).toBe('serves web/out < npm run build')
  })
})

describe('configurations that are put together', () => {
  it('a wrapper of nothing', async () => {
    const given = manifest({ build: 'next build', start: 'next start' }, { next: '^14.0.0', nextra: '^2.0.0' })
    const config = "const wrap = require('nextra')({ theme: 'nextra-theme-docs' })\nmodule.exports = wrap()\n"
    const files = { 'next.config.js': config, 'pages/index.mdx': '' }
    expect(await planned({ 'package.json': given, ...files })).toBe('npm run start :3000 < npm run build')
  })

  const webpack = manifest(
    { build: 'webpack --config tools/production.js' },
    { webpack: '^5.0.0', 'html-webpack-plugin': '^5.0.0' },
  )
  const merged =
    "const { merge } = require('webpack-merge')\nmodule.exports = merge(require('./shared'), { mode: 'production' })\n"
  it.each([
    ["module.exports = { output: { path: path.resolve(__dirname, '../www') } }\n", 'serves www < npm run build'],
    ['module.exports = {}\n', 'serves dist < npm run build'],
  ])('webpack from a file beside: %s', async (shared, expected) => {
    expect(await planned({ 'package.json': webpack, 'tools/production.js': merged, 'tools/shared.js': shared })).toBe(
      expected,
    )
  })

  it('a directory relative to the folder of the configuration', async () => {
    const config =
      "const path = require('path')\nmodule.exports = { output: { path: path.join(__dirname, '..', 'site') } }\n"
    expect(await planned({ 'package.json': webpack, 'tools/production.js': config })).toBe(
      'serves site < npm run build',
    )
  })

  it('a command line that wraps the framework’s', async () => {
    const scripts = { dev: 'refine dev', build: 'refine build', start: 'refine start' }
    const next = {
      'package.json': manifest(scripts, { next: '^14.0.0' }),
      'src/app/page.tsx': '',
      'next.config.mjs': '',
    }
    expect(await planned(next)).toBe('npm run start :3000 < npm run build')
    const vite = { 'package.json': manifest(scripts, { vite: '^5.0.0' }), 'vite.config.ts': '', 'index.html': '' }
    expect(await planned(vite)).toBe('serves dist < npm run build')
  })
})

describe('which script builds', () => {
  const site = { 'docs/.vitepress/config.ts': 'export default {}\n', 'docs/index.md': '' }
  it.each([
    ['the site of a library has a script of its own', 'rimraf dist && tsup', 'npm run site:build'],
    ['one that goes on to the site', 'tsup && npm run site:build', 'npm run build'],
    ['one that cannot be seen through', 'node tools/all.js', 'npm run build'],
  ])('%s', async (_, build, expected) => {
    const given = manifest({ build, 'site:build': 'vitepress build docs' }, { vitepress: '^1.0.0', tsup: '^8.0.0' })
    expect(await planned({ 'package.json': given, ...site })).toBe(`serves docs/.vitepress/dist < ${expected}`)
  })

  it('scripts run side by side with arguments', async () => {
    const scripts = { build: 'run-p check "bundle {@}" --', bundle: 'vite build', check: 'vue-tsc --build' }
    const files = { 'vite.config.ts': 'export default {}\n', 'index.html': '' }
    expect(await planned({ 'package.json': manifest(scripts, { vite: '^6.0.0' }), ...files })).toBe(
      'serves dist < npm run build',
    )
  })

  it('Hugo beside a package.json', async () => {
    const scripts = { start: 'hugo server -D', build: 'hugo --minify --destination www' }
    const files = { 'hugo.toml': "baseURL = 'https://example.org/'\n", 'content/_index.md': '' }
    expect(await planned({ 'package.json': manifest(scripts, { postcss: '^8.0.0' }), ...files })).toBe(
      'serves www < npm run build',
    )
  })
})

describe('values of another kind than they should be, and words that are no entries', () => {
  const odd = { toString: 1 }
  it.each([
    [
      'the source of Parcel',
      { scripts: { build: 'parcel build' }, devDependencies: { parcel: '2.0.0' }, source: odd },
      {},
    ],
    [
      'the version of a package manager',
      { scripts: { start: 'node x.js' }, devEngines: { packageManager: [{ name: 'yarn', version: odd }] } },
      {},
    ],
    ['a program that is called as what every object has', { scripts: { start: 'constructor x' } }, {}],
    [
      'the root of a project of Nest',
      { scripts: { build: 'nest build shop', start: 'nest start' }, dependencies: { '@nestjs/core': '11.0.0' } },
      { 'nest-cli.json': JSON.stringify({ monorepo: true, root: 'apps/shop', projects: { shop: { root: odd } } }) },
    ],
  ])('%s', async (_, json, files) => {
    await expect(planned({ 'package.json': JSON.stringify(json), ...files })).resolves.toMatch(/\S/)
  })
})
