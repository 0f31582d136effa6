import { posix } from 'node:path'
import { argumentOf, directoryOf, flagOf } from './output.js'
import { noOutput } from './reasons.js'
import type { Framework, Mode, Project } from './types.js'

interface Site {
  flags?: readonly string[]
  /** Where the configuration names the directory. */
  keys?: readonly string[]
  spa?: boolean
}

/** A site that lies in the directory that a flag, the configuration or the framework itself says. */
const site =
  (usual: string, programs: readonly string[], { flags = [], keys = [], spa }: Site) =>
  (project: Project): Mode => {
    const flag = flags.length === 0 ? undefined : flagOf(project, programs, flags)
    const set = flag ?? directoryOf(project, ...keys)
    if (set === null) return noOutput(project.config!.file, keys[0] ?? '')
    return { kind: 'static', output: set ?? usual, ...(spa === undefined ? {} : { spa }) }
  }

/** VitePress and VuePress build a folder, and write into it. */
const pressed =
  (program: string, keys: readonly string[], fromFolder: boolean) =>
  async (project: Project): Promise<Mode> => {
    const line = argumentOf(project, program, 'build')
    const folders = line === undefined ? ['.', 'docs', 'doc', 'src', 'site'] : [line]
    let folder = line
    if (folder === undefined)
      for (const one of folders)
        if (await project.has(`${posix.join(one, `.${program}`)}/`)) {
          folder ??= one
        }
    folder ??= '.'
    const config = await project.configOf(
      posix.join(folder, `.${program}`, 'config'),
      posix.join(folder, `.${program}`, 'config/index'),
    )
    const flag = flagOf(project, program, ['--outDir', '--dest', '-d'])
    if (flag !== undefined) return { kind: 'static', output: flag }
    for (const key of keys) {
      const set = config?.path(key) ?? { state: 'absent' }
      if (set.state === 'computed') return noOutput(config!.file, key)
      if (set.state !== 'known') continue
      project.see(config!.file, key, set.value)
      const raw = config!.setting(key)
      const resolved = raw.state === 'known' && String(raw.value).startsWith('/')
      // What starts at the configuration's own directory lies two below the folder.
      if (resolved) return { kind: 'static', output: posix.join(folder, `.${program}`, String(set.value)) }
      return { kind: 'static', output: posix.join(fromFolder ? folder : '.', String(set.value)) }
    }
    return { kind: 'static', output: posix.join(folder, `.${program}`, 'dist') }
  }

async function eleventy(project: Project): Promise<Mode> {
  const flag = flagOf(project, ['eleventy', '@11ty/eleventy'], ['--output'])
  const set = flag ?? directoryOf(project, 'dir.output', 'config.dir.output')
  if (set === null) return noOutput(project.config!.file, 'dir.output')
  if (set !== undefined) return { kind: 'static', output: set }
  const source = project.config === null ? null : await project.text(project.config.file)
  const call = source === null ? null : /^[^/\n]*\.setOutputDirectory\(\s*(["'`])([^"'`\n]+)\1\s*\)/m.exec(source)
  if (call === null) return { kind: 'static', output: '_site' }
  project.see(project.config!.file, 'setOutputDirectory', call[2]!)
  return { kind: 'static', output: posix.normalize(call[2]!) }
}

async function cra(project: Project): Promise<Mode> {
  let output = project.variables.BUILD_PATH
  if (output !== undefined) project.see('package.json', 'scripts.build', `BUILD_PATH=${output}`)
  for (const file of ['.env.production.local', '.env.local', '.env.production', '.env']) {
    if (output !== undefined) break
    const found = /^[ \t]*BUILD_PATH[ \t]*=[ \t]*["']?([^"'#\r\n]+?)["']?[ \t]*\r?$/m.exec(
      (await project.text(file)) ?? '',
    )
    if (!found) continue
    output = found[1]
    project.see(file, 'BUILD_PATH', output)
  }
  return { kind: 'static', output: posix.normalize(output ?? 'build').replace(/(?<=.)\/$/, '') }
}

async function hexo(project: Project): Promise<Mode> {
  const found = /^public_dir:[ \t]*["']?([^"'#\r\n]+?)["']?[ \t]*\r?$/m.exec((await project.text('_config.yml')) ?? '')
  if (!found) return { kind: 'static', output: 'public' }
  project.see('_config.yml', 'public_dir', found[1])
  return { kind: 'static', output: posix.normalize(found[1]!) }
}

async function oldDocusaurus(project: Project): Promise<Mode> {
  const config = await project.configOf('siteConfig')
  const name = config?.setting('projectName') ?? { state: 'absent' }
  if (name.state === 'computed') return noOutput(config!.file, 'projectName')
  if (name.state !== 'known') return { kind: 'static', output: 'build' }
  project.see(config!.file, 'projectName', name.value)
  return { kind: 'static', output: posix.join('build', String(name.value)) }
}

const preset = (
  usual: string,
  packages: string[],
  programs: string[],
  build: string[],
  more: Partial<Framework> & Site = {},
): Framework => {
  const { flags, keys, spa, ...rest } = more
  return {
    name: packages[0]!,
    packages,
    programs,
    servers: programs,
    build,
    output: usual,
    mode: site(usual, programs, {
      ...(flags ? { flags } : {}),
      ...(keys ? { keys } : {}),
      ...(spa === undefined ? {} : { spa }),
    }),
    ...rest,
  }
}

/** Frameworks of pages that are written once: in order, what owns a bundler before it. */
export const sites: readonly Framework[] = [
  preset('public', ['hugo-bin', 'hugo-extended'], ['hugo'], ['hugo', '--gc'], {
    name: 'hugo',
    outside: true,
    files: ['hugo.toml', 'hugo.yaml'],
    flags: ['--destination', '-d'],
  }),
  preset('public', ['gatsby'], ['gatsby'], ['gatsby', 'build'], { configs: ['gatsby-config'] }),
  preset('build', ['@docusaurus/core'], ['docusaurus'], ['docusaurus', 'build'], {
    name: 'docusaurus',
    configs: ['docusaurus.config'],
    flags: ['--out-dir'],
  }),
  preset('build', ['docusaurus'], ['docusaurus-build', 'docusaurus-start'], ['docusaurus-build'], {
    name: 'docusaurus',
    configs: ['siteConfig'],
    mode: oldDocusaurus,
  }),
  preset('docs/.vitepress/dist', ['vitepress'], ['vitepress'], ['vitepress', 'build'], {
    files: ['.vitepress/', 'docs/.vitepress/'],
    mode: pressed('vitepress', ['outDir'], true),
  }),
  preset(
    'docs/.vuepress/dist',
    ['vuepress'],
    ['vuepress', 'vuepress-vite', 'vuepress-webpack'],
    ['vuepress', 'build'],
    {
      packages: ['vuepress', 'vuepress-vite', 'vuepress-webpack'],
      files: ['.vuepress/', 'docs/.vuepress/'],
      mode: pressed('vuepress', ['dest'], false),
    },
  ),
  preset('_site', ['@11ty/eleventy'], ['eleventy', '@11ty/eleventy'], ['eleventy'], {
    name: 'eleventy',
    configs: ['.eleventy.js', '.eleventy.cjs', '.eleventy.mjs', 'eleventy.config'],
    mode: eleventy,
  }),
  preset('public', ['hexo'], ['hexo', 'hexo-cli'], ['hexo', 'generate'], {
    mode: hexo,
    files: ['scaffolds/', 'source/'],
  }),
  preset('dist', ['@observablehq/framework'], ['observable'], ['observable', 'build'], {
    name: 'observable',
    configs: ['observablehq.config'],
    keys: ['output'],
  }),
  preset('dist', ['@slidev/cli'], ['slidev'], ['slidev', 'build'], {
    name: 'slidev',
    flags: ['--out', '-o'],
    spa: true,
    files: ['slides.md'],
  }),
  preset('doc_build', ['rspress'], ['rspress'], ['rspress', 'build'], {
    packages: ['rspress', '@rspress/core'],
    configs: ['rspress.config'],
    keys: ['outDir'],
  }),
  preset('dist', ['sanity'], ['sanity'], ['sanity', 'build'], {
    configs: ['sanity.config', 'sanity.cli'],
    spa: true,
    mode: (project) => ({ kind: 'static', output: argumentOf(project, 'sanity', 'build') ?? 'dist', spa: true }),
  }),
  preset('__sapper__/export', ['sapper'], ['sapper'], ['sapper', 'export'], {
    start: ['node', '__sapper__/build'],
    port: 3000,
    mode: (project) =>
      project.build.some((argv) => argv[0] === 'sapper' && argv[1] === 'build')
        ? { kind: 'server', start: ['node', '__sapper__/build'], port: 3000 }
        : {
            kind: 'static',
            output: '__sapper__/export',
            instead: /__sapper__\/build/,
            ...(project.build.length === 0 ? { build: { scripts: ['export'], argv: ['sapper', 'export'] } } : {}),
          },
  }),
  preset('_book', ['honkit', 'gitbook-cli'], ['honkit', 'gitbook'], ['honkit', 'build'], {
    name: 'honkit',
    files: ['SUMMARY.md'],
  }),
  preset('build', ['@evidence-dev/evidence'], ['evidence'], ['evidence', 'build'], { name: 'evidence' }),
  preset('public', ['@greenwood/cli'], ['greenwood'], ['greenwood', 'build'], {
    name: 'greenwood',
    configs: ['greenwood.config'],
  }),
  preset('docs/dist', ['vocs'], ['vocs'], ['vocs', 'build'], { configs: ['vocs.config'] }),
  preset('dist', ['zudoku'], ['zudoku'], ['zudoku', 'build'], { configs: ['zudoku.config'], spa: true }),
  preset('docs-dist', ['dumi'], ['dumi'], ['dumi', 'build'], { configs: ['.dumirc'], keys: ['outputPath'] }),
  preset('build', ['@ice/app'], ['ice'], ['ice', 'build'], {
    name: 'ice',
    configs: ['ice.config'],
    keys: ['outputDir'],
    router: true,
  }),
  preset('.histoire/dist', ['histoire'], ['histoire'], ['histoire', 'build'], {
    configs: ['histoire.config'],
    keys: ['outDir'],
  }),
  preset('build', ['@ladle/react'], ['ladle'], ['ladle', 'build'], { name: 'ladle', flags: ['--outDir', '-o'] }),
  preset('dist', ['react-static'], ['react-static'], ['react-static', 'build'], { configs: ['static.config'] }),
  preset('build', ['create-elm-app'], ['elm-app'], ['elm-app', 'build'], { name: 'create-elm-app', spa: true }),
  preset('dist', ['@farmfe/core'], ['farm'], ['farm', 'build'], {
    name: 'farm',
    configs: ['farm.config'],
    keys: ['compilation.output.path'],
    router: true,
  }),
  preset('dist', ['poi'], ['poi'], ['poi', '--prod'], { configs: ['poi.config'], keys: ['output.dir'], router: true }),
  preset('build', ['snowpack'], ['snowpack'], ['snowpack', 'build'], {
    configs: ['snowpack.config'],
    keys: ['buildOptions.out'],
    router: true,
  }),
  preset('dist', ['wmr'], ['wmr'], ['wmr', 'build'], { configs: ['wmr.config'], router: true }),
  preset('public', ['saber'], ['saber'], ['saber', 'build'], { configs: ['saber-config'] }),
  preset('output/dist', ['@dojo/cli'], ['dojo'], ['dojo', 'build'], { name: 'dojo', router: true }),
  preset('dist', ['gridsome'], ['gridsome'], ['gridsome', 'build'], {
    configs: ['gridsome.config'],
    keys: ['outputDir', 'outDir'],
  }),
  preset('build', ['react-scripts'], ['react-scripts', 'react-app-rewired', 'craco'], ['react-scripts', 'build'], {
    name: 'create-react-app',
    router: true,
    files: ['public/index.html'],
    mode: cra,
  }),
  preset('dist', ['@vue/cli-service'], ['vue-cli-service'], ['vue-cli-service', 'build'], {
    name: 'vue-cli',
    configs: ['vue.config'],
    files: ['public/index.html'],
    router: true,
    flags: ['--dest'],
    keys: ['outputDir'],
  }),
  preset('dist', ['ember-cli'], ['ember'], ['ember', 'build', '--environment=production'], {
    name: 'ember',
    configs: ['ember-cli-build'],
    flags: ['--output-path', '-o'],
    spa: true,
  }),
  preset('build', ['preact-cli'], ['preact'], ['preact', 'build'], { flags: ['--dest'], router: true }),
  preset('public', ['brunch'], ['brunch'], ['brunch', 'build', '--production'], {
    configs: ['brunch-config', 'brunch-config.coffee'],
    keys: ['paths.public'],
  }),
]
