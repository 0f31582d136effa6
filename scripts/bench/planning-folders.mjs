import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'

function write(folder, files) {
  for (const [name, text] of Object.entries(files)) {
    const path = join(folder, name)
    mkdirSync(dirname(path), { recursive: true })
    writeFileSync(path, typeof text === 'string' ? text : `${JSON.stringify(text, null, 2)}\n`)
  }
  return Object.keys(files).length
}

const express = {
  'package.json': {
    name: 'small',
    version: '1.0.0',
    scripts: { start: 'node server.js' },
    dependencies: { express: '^5.0.0' },
  },
  'package-lock.json': { name: 'small', version: '1.0.0', lockfileVersion: 3, packages: {} },
  'server.js':
    "import express from 'express'\nimport { routes } from './routes.js'\nexpress().use(routes).listen(process.env.PORT ?? 3000)\n",
  'routes.js': "import { Router } from 'express'\nexport const routes = Router()\n",
  'README.md': '# Small\n',
}

const next = (name) => ({
  'package.json': {
    name,
    version: '1.0.0',
    scripts: { dev: 'next dev', build: 'next build', start: 'next start' },
    dependencies: { next: '15.1.0', react: '19.0.0', 'react-dom': '19.0.0' },
  },
  'next.config.mjs': "/** @type {import('next').NextConfig} */\nexport default { reactStrictMode: true }\n",
  'app/page.jsx': 'export default () => null\n',
})

const component = (index) =>
  `import { part } from './part-${index % 97}'\n\n${`export const value${index} = part(${index})\n`.repeat(20)}`

/** So many files, in folders of twenty. */
const sources = (count, prefix) =>
  Object.fromEntries(
    Array.from({ length: count }, (_, index) => [
      `${prefix}/area-${Math.floor(index / 400)}/group-${Math.floor(index / 20) % 20}/part-${index}.jsx`,
      component(index),
    ]),
  )

const below = (folder, files) =>
  Object.fromEntries(Object.entries(files).map(([name, text]) => [`${folder}/${name}`, text]))

/** Each writes a folder and answers with the number of its files. */
export const folders = {
  'a small application': (folder) => write(folder, express),

  'a large application': (folder) =>
    write(folder, {
      ...next('large'),
      'package-lock.json': { name: 'large', version: '1.0.0', lockfileVersion: 3, packages: {} },
      ...sources(9995, 'components'),
    }),

  'a large workspace': (folder) => {
    const packages = {}
    for (let index = 0; index < 40; index++)
      Object.assign(packages, {
        [`packages/lib-${index}/package.json`]: {
          name: `@large/lib-${index}`,
          version: '1.0.0',
          main: 'index.js',
          ...(index === 0 ? {} : { dependencies: { [`@large/lib-${index - 1}`]: 'workspace:*' } }),
        },
        ...sources(240, `packages/lib-${index}/source`),
      })
    const web = next('web')
    web['package.json'].dependencies['@large/lib-39'] = 'workspace:*'
    return write(folder, {
      'package.json': { name: 'large', private: true, packageManager: 'pnpm@9.15.0' },
      'pnpm-workspace.yaml': 'packages:\n  - apps/*\n  - packages/*\n',
      'pnpm-lock.yaml': "lockfileVersion: '9.0'\n\nimporters: {}\n",
      ...below('apps/web', web),
      ...packages,
    })
  },
}
