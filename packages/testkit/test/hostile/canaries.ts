/** Names of files that frameworks and tools evaluate, with the package that reads them. Each is tried with every ending. */
export const configurations: readonly [name: string, dependency: string][] = [
  ...pairs(
    'next next.config',
    'nuxt nuxt.config',
    'astro astro.config',
    '@sveltejs/kit svelte.config',
    'vite vite.config',
  ),
  ...pairs('@remix-run/dev remix.config', '@react-router/dev react-router.config', 'gatsby gatsby-config'),
  ...pairs('gatsby gatsby-node', '@vue/cli-service vue.config', '@11ty/eleventy eleventy.config'),
  ...pairs('@11ty/eleventy .eleventy', '@docusaurus/core docusaurus.config', 'vitepress .vitepress/config'),
  ...pairs(
    'vuepress .vuepress/config',
    'ember-cli ember-cli-build',
    'storybook .storybook/main',
    'nitropack nitro.config',
  ),
  ...pairs('@solidjs/start app.config', '@tanstack/react-start app.config', '@builder.io/qwik-city vite.config'),
  ...pairs('@adonisjs/core adonisrc', '@strapi/strapi config/server', '@medusajs/medusa medusa-config'),
  ...pairs('expo app.config', 'expo metro.config', 'quasar quasar.config', '@stencil/core stencil.config'),
  ...pairs('@rsbuild/core rsbuild.config', '@rspack/core rspack.config', 'waku waku.config', 'vike +config'),
  ...pairs(
    'umi .umirc',
    'gridsome gridsome.config',
    'sanity sanity.config',
    'webpack webpack.config',
    'rollup rollup.config',
  ),
  ...pairs('parcel parcel.config', '@angular/ssr server', '@nestjs/core nest.config', 'preact-cli preact.config'),
  ...pairs(
    'express babel.config',
    'express tsup.config',
    'express esbuild.config',
    'fastify gulpfile',
    'hono drizzle.config',
  ),
  ...pairs(
    '@prisma/client prisma.config',
    'tailwindcss tailwind.config',
    'postcss postcss.config',
    'express ecosystem.config',
  ),
  ...pairs('koa server', 'express index', 'express src/main', 'polka app'),
]
export const endings = ['.js', '.mjs', '.cjs', '.ts', '.mts', '.cts'] as const

function pairs(...lines: string[]): [string, string][] {
  return lines.map((line) => {
    const [dependency = '', name = ''] = line.split(' ')
    return [name, dependency]
  })
}

/** Touches the file when it is evaluated, as a module of either kind. */
const touch = (canary: string): string =>
  `process.getBuiltinModule('node:fs').writeFileSync(${JSON.stringify(canary)}, 'evaluated')`

/** A configuration that says something, and touches the file when anybody evaluates it. */
export const trap = (canary: string, module: boolean): string =>
  [
    `const touched = (() => ${touch(canary)})()`,
    "const config = { output: process.env.MODE ?? 'export', ssr: false, touched, get base() { throw new Error('read') } }",
    module ? 'export default config' : 'module.exports = config',
    '',
  ].join('\n')

/** A tree in which one configuration is a trap. */
export function trapped(name: string, dependency: string, ending: string, canary: string): Record<string, string> {
  const module = ending.startsWith('.m') || (ending !== '.cjs' && ending !== '.cts')
  return {
    'package.json': JSON.stringify({
      name: 'app',
      version: '1.0.0',
      ...(module ? { type: 'module' } : {}),
      main: 'index.js',
      scripts: { build: `${dependency.split('/').pop()} build`, start: `node ${name}${ending}` },
      dependencies: { [dependency]: '*' },
    }),
    'index.html': '<div id="app"></div>',
    [`${name}${ending}`]: trap(canary, module),
  }
}

/** What else runs code of a source somewhere, all at once. */
export function everything(canary: string): Record<string, string> {
  const shell = `touch ${canary}`
  const hooks = [
    'preinstall',
    'install',
    'postinstall',
    'prepare',
    'prebuild',
    'build',
    'postbuild',
    'prestart',
    'start',
  ]
  return {
    'package.json': JSON.stringify({
      name: 'app',
      version: '1.0.0',
      scripts: Object.fromEntries(hooks.map((name) => [name, shell])),
      packageManager: 'yarn@4.1.0',
      workspaces: ['packages/*'],
      bin: './trap.cjs',
    }),
    'yarn.lock': '__metadata:\n  version: 8\n',
    '.yarnrc.yml': 'yarnPath: ./trap.cjs\nplugins:\n  - path: ./trap.cjs\n',
    '.pnp.cjs': trap(canary, false),
    '.pnpmfile.cjs': trap(canary, false),
    'trap.cjs': `#!/usr/bin/env node\n${trap(canary, false)}`,
    '.npmrc': `node-options=--require ./trap.cjs\nscript-shell=./trap.cjs\n`,
    '.env': `A=$(${shell})\nCOMPOSE_FILE=compose.yaml\n`,
    '.envrc': shell,
    '.nvmrc': `$(${shell})`,
    Makefile: `X := $(shell ${shell})\nall:\n\t${shell}\n`,
    Procfile: `web: ${shell}\nrelease: ${shell}\n`,
    Dockerfile: `FROM scratch\nRUN ${shell}\nEXPOSE 80\nCMD ["/${shell}"]\n`,
    'compose.yaml': `services:\n  web:\n    image: a:$$(${shell})\n    command: ${shell}\n    ports: ['80:80']\n`,
    Gemfile: `system "${shell}"\ngem "jekyll"\n`,
    'config.rb': `system "${shell}"\n`,
    Rakefile: `system "${shell}"\n`,
    'setup.py': `open(${JSON.stringify(canary)}, 'w')\n`,
    'conf.py': `open(${JSON.stringify(canary)}, 'w')\n`,
    'mkdocs.yml': `site_name: x\nhooks: [conf.py]\nplugins: !!python/object/apply:os.system ["${shell}"]\n`,
    '_config.yml': `title: !ruby/object:Gem::Installer\n  i: x\n`,
    'packages/a/package.json': JSON.stringify({ name: 'a', scripts: { build: shell, start: shell } }),
    'packages/a/vite.config.js': trap(canary, true),
  }
}
