import { describe, expect, it } from 'vitest'
import { draftOf, type Files, lineOf } from '../../test/planned.js'

async function planned(files: Files): Promise<string> {
  const draft = await draftOf({ 'package-lock.json': '{ "lockfileVersion": 3 }', 'nx.json': '{}', ...files })
  return typeof draft === 'string' ? draft : `${draft.framework?.name}: ${lineOf(draft)}`
}

const manifest = (dependencies: string[], scripts: Record<string, string> = {}) =>
  JSON.stringify({
    scripts,
    dependencies: Object.fromEntries(dependencies.map((name) => [name, '^1.0.0'])),
    devDependencies: { nx: '^20.0.0' },
  })
const project = (name: string, executor: string | null, options: object = {}, more: object = {}) =>
  JSON.stringify({
    name,
    projectType: 'application',
    ...(executor === null ? {} : { targets: { build: { executor, options } } }),
    ...more,
  })
const reads = (port: number) => `import express from 'express'\nexpress().listen(process.env.PORT ?? ${port})\n`

describe('an application of an Nx workspace', () => {
  it.each<[string, string, Files]>([
    [
      'a page built by Vite',
      'vite: serves dist/apps/shop < npx --no-install nx build shop',
      {
        'package.json': manifest(['react', 'vite']),
        'apps/shop/project.json': project('shop', '@nx/vite:build', { outputPath: 'dist/apps/shop' }),
        'apps/shop-e2e/project.json': project('shop-e2e', '@nx/cypress:cypress'),
      },
    ],
    [
      'a server bundled by webpack, built by the script of the root',
      'nest: node dist/apps/api/main.js :4600 < npm run build',
      {
        'package.json': manifest(['@nestjs/core'], { start: 'nx serve', build: 'nx build api' }),
        'apps/api/project.json': project('api', '@nx/webpack:webpack', {
          target: 'node',
          outputPath: 'dist/apps/api',
          main: 'apps/api/src/main.ts',
        }),
        'apps/api/src/main.ts': reads(4600),
        'apps/other/project.json': project('other', '@nx/vite:build'),
      },
    ],
    [
      'a server compiled file by file',
      'express: node out/tool/src/main.js :4610 < npx --no-install nx build tool',
      {
        'package.json': manifest(['express']),
        'packages/tool/project.json': project(
          'tool',
          '@nx/js:tsc',
          { outputPath: '{workspaceRoot}/out/{projectName}', main: '{projectRoot}/src/main.ts' },
          { sourceRoot: 'packages/tool/src' },
        ),
        'packages/tool/src/main.ts': reads(4610),
      },
    ],
    [
      'the default of several',
      'next: npx --no-install next start dist/apps/site :3000 < npx --no-install nx build site',
      {
        'nx.json': '{ "defaultProject": "site", /* which one */ }',
        'package.json': manifest(['next']),
        'apps/admin/project.json': project('admin', '@nx/next:build'),
        'apps/site/project.json': project('site', '@nx/next:build'),
      },
    ],
    [
      'what Angular’s builder parts',
      'angular: serves dist/apps/front/browser < npx --no-install nx build front',
      {
        'package.json': manifest(['@angular/core']),
        'apps/front/project.json': project('front', '@angular-devkit/build-angular:application'),
      },
    ],
    [
      'a target that Nx infers from the configuration of Vite',
      'vite: serves dist/web < npx --no-install nx build web',
      {
        'package.json': manifest(['vite']),
        'apps/web/project.json': project('web', null),
        'apps/web/vite.config.mts': "export default { build: { outDir: '../../dist/web' } }\n",
      },
    ],
  ])('%s', async (_, expected, files) => {
    expect(await planned(files)).toBe(expected)
  })

  it('none is chosen of several', async () => {
    const files = {
      'package.json': manifest(['next', 'vite'], { build: 'nx run-many -t build' }),
      'apps/a/project.json': project('a', '@nx/next:build'),
      'apps/b/project.json': project('b', '@nx/vite:build'),
    }
    expect(await planned(files)).toBe('ambiguous-framework-evidence')
  })

  it('a start script of its own is run', async () => {
    const files = {
      'package.json': manifest(['express'], { build: 'nx build api', start: 'node dist/apps/api/main.js' }),
      'apps/api/project.json': project('api', '@nx/webpack:webpack', { target: 'node', main: 'apps/api/src/main.ts' }),
      'apps/api/src/main.ts': reads(4620),
    }
    expect(await planned(files)).toBe('express: node dist/apps/api/main.js :4620 < npm run build')
  })
})
