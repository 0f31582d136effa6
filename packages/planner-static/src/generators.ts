import type { Evidence, PlannerContext } from '@appaloft/core/spec'
import { parseToml } from './hosting/parse.js'
import { fieldsOf, textOf } from './hosting/rules.js'
import { bounded, directoryOf, within } from './paths.js'

type Tree = PlannerContext['tree']

/** A program that writes a site out of texts and templates, told by what only its own sources hold. */
export interface Generator {
  /** As the preview's framework. */
  name: string
  family: string
  install?: string
  build: string
  output: string
  /** Where files lie that it copies as they are, relative to the base directory. */
  assets: string
  evidence: Evidence[]
}

type Told = Omit<Generator, 'name' | 'family' | 'evidence'> & {
  proof: { file: string; signal: string; value?: string }[]
}

interface Entry {
  name: string
  family: string
  tell(tree: Tree, names: ReadonlySet<string>): Promise<Told | null>
}

const maxBytes = 64 * 1024
const read = (tree: Tree, file: string): Promise<string | null> => tree.readText(file, { maxBytes })

async function firstOf(tree: Tree, names: ReadonlySet<string>, files: readonly string[]) {
  for (const file of files) {
    const text = file.includes('/') || names.has(file) ? await read(tree, file) : null
    if (text !== null) return { file, text }
  }
  return null
}

/** A setting at the top level of a YAML, TOML or JSON file, as text; comments are none. */
async function setting(file: string, text: string, name: string): Promise<string | undefined> {
  if (file.endsWith('.toml')) {
    const fields = fieldsOf(await parseToml(text).catch(() => null))
    return textOf(Object.entries(fields).find(([key]) => key.toLowerCase() === name.toLowerCase())?.[1])
  }
  const quoted = file.endsWith('.json') ? `^\\s*"${name}"\\s*:\\s*` : `^${name}\\s*:\\s*`
  const value = new RegExp(`${quoted}("[^"\\n]*"|'[^'\\n]*'|[^\\s#,]+)`, 'im').exec(text)?.[1]
  return value?.replace(/^(["'])(.*)\1$/, '$2')
}

const outputOf = async (config: { file: string; text: string } | null, name: string, fallback: string) => {
  const given = config === null ? undefined : await setting(config.file, config.text, name)
  return (given === undefined ? null : directoryOf(given)) ?? fallback
}

const hugo: Entry = {
  name: 'hugo',
  family: 'hugo',
  async tell(tree, names) {
    const own = await firstOf(tree, names, [
      ...['hugo.toml', 'hugo.yaml', 'hugo.yml', 'hugo.json'],
      ...['config/_default/hugo.toml', 'config/_default/hugo.yaml', 'config/_default/hugo.yml'],
    ])
    const config =
      own ??
      (await firstOf(tree, names, [
        ...['config.toml', 'config.yaml', 'config.yml', 'config.json'],
        ...['config/_default/config.toml', 'config/_default/config.yaml', 'config/_default/config.yml'],
      ]))
    const folder = ['content', 'layouts', 'archetypes', 'themes'].find((name) => names.has(name))
    if (config === null || folder === undefined) return null
    const address = await setting(config.file, config.text, 'baseURL')
    const shown = address === undefined ? {} : { value: bounded(address) }
    if (own === null && address === undefined) return null
    return {
      build: 'hugo --gc',
      output: await outputOf(config, 'publishDir', 'public'),
      assets: 'static',
      proof: [
        { file: config.file, signal: 'baseURL', ...shown },
        { file: folder, signal: 'directory' },
      ],
    }
  },
}

const zola: Entry = {
  name: 'zola',
  family: 'zola',
  async tell(tree, names) {
    const config = await firstOf(tree, names, ['config.toml', 'zola.toml'])
    const folder = ['content', 'templates', 'themes'].find((name) => names.has(name))
    const address = config === null ? undefined : await setting(config.file, config.text, 'base_url')
    if (config === null || folder === undefined || address === undefined) return null
    return {
      build: 'zola build',
      output: await outputOf(config, 'output_dir', 'public'),
      assets: 'static',
      proof: [
        { file: config.file, signal: 'base_url', value: bounded(address) },
        { file: folder, signal: 'directory' },
      ],
    }
  },
}

const gem = async (tree: Tree, ...wanted: string[]): Promise<string | undefined> => {
  const text = (await read(tree, 'Gemfile')) ?? ''
  return wanted.find((name) => new RegExp(`^\\s*gem\\s*\\(?\\s*["']${name}["']`, 'm').test(text))
}

/** Front matter: a page that begins so is a template for a generator, never served as it is. */
const frontMatter = (text: string | null): boolean => text !== null && /^---[ \t]*\r?\n/.test(text)

const jekyll: Entry = {
  name: 'jekyll',
  family: 'ruby',
  async tell(tree, names) {
    const named = names.has('Gemfile') ? await gem(tree, 'jekyll', 'github-pages') : undefined
    // Another generator, or an application: Jekyll's folders mean nothing there.
    if (named === undefined && names.has('Gemfile')) return null
    const config = await firstOf(tree, names, ['_config.yml', '_config.yaml', '_config.toml'])
    const folder = ['_layouts', '_posts', '_includes', '_data'].find((name) => names.has(name))
    const page = await firstOf(tree, names, ['index.html', 'index.md', 'index.markdown'])
    const template = page !== null && frontMatter(page.text)
    const proof = [
      ...(named === undefined ? [] : [{ file: 'Gemfile', signal: `gem ${named}` }]),
      ...(config === null ? [] : [{ file: config.file, signal: 'config' }]),
      ...(folder === undefined ? [] : [{ file: folder, signal: 'directory' }]),
      ...(template ? [{ file: page.file, signal: 'front matter' }] : []),
    ]
    // A _config.yml alone is anybody's; front matter alone is what Jekyll needs no more than.
    const told = named !== undefined ? proof.length > 1 : template || (config !== null && folder !== undefined)
    if (!told) return null
    return {
      ...(named === undefined ? {} : { install: 'bundle install' }),
      build: named === undefined ? 'jekyll build' : 'bundle exec jekyll build',
      output: await outputOf(config, 'destination', '_site'),
      assets: '.',
      proof,
    }
  },
}

const middleman: Entry = {
  name: 'middleman',
  family: 'ruby',
  async tell(tree, names) {
    if (!names.has('Gemfile') || !names.has('source') || (await gem(tree, 'middleman')) === undefined) return null
    const text = (await read(tree, 'config.rb')) ?? ''
    const given = /^\s*(?:set\s+:build_dir\s*,|config\[:build_dir\]\s*=)\s*["']([^"'\n]+)["']/m.exec(text)?.[1]
    return {
      install: 'bundle install',
      build: 'bundle exec middleman build',
      output: (given === undefined ? null : directoryOf(given)) ?? 'build',
      assets: 'source',
      proof: [
        { file: 'Gemfile', signal: 'gem middleman' },
        { file: 'source', signal: 'directory' },
      ],
    }
  },
}

const mkdocs: Entry = {
  name: 'mkdocs',
  family: 'python',
  async tell(tree, names) {
    const config = await firstOf(tree, names, ['mkdocs.yml', 'mkdocs.yaml'])
    const title = config === null ? undefined : await setting(config.file, config.text, 'site_name')
    // The documentation of a library or a server: what is meant to be deployed is not known.
    if (config === null || title === undefined || ['pyproject.toml', 'setup.py'].some((name) => names.has(name)))
      return null
    const wanted = names.has('requirements.txt') ? ((await read(tree, 'requirements.txt')) ?? '') : null
    if (wanted !== null && !/^\s*mkdocs/im.test(wanted)) return null
    return {
      ...(wanted === null ? {} : { install: 'pip install -r requirements.txt' }),
      build: 'mkdocs build',
      output: await outputOf(config, 'site_dir', 'site'),
      assets: await outputOf(config, 'docs_dir', 'docs'),
      proof: [{ file: config.file, signal: 'site_name', value: bounded(title) }],
    }
  },
}

const mdbook: Entry = {
  name: 'mdbook',
  family: 'mdbook',
  async tell(tree, names) {
    if (!names.has('book.toml') || names.has('Cargo.toml')) return null
    const { book, build } = fieldsOf(await parseToml((await read(tree, 'book.toml')) ?? '').catch(() => null))
    const source = directoryOf(textOf(fieldsOf(book).src) ?? 'src') ?? 'src'
    const summary = within(source, 'SUMMARY.md')
    if (book === undefined || !(await tree.has(summary))) return null
    return {
      build: 'mdbook build',
      output: directoryOf(textOf(fieldsOf(build)['build-dir']) ?? 'book') ?? 'book',
      assets: source,
      proof: [
        { file: 'book.toml', signal: '[book]' },
        { file: summary, signal: 'SUMMARY.md' },
      ],
    }
  },
}

const generators = [hugo, zola, jekyll, middleman, mkdocs, mdbook]

/** The generator of a tree. `names` are the entries of its base directory. */
export async function findGenerator(
  { tree, baseDirectory }: PlannerContext,
  names: ReadonlySet<string>,
): Promise<Generator | null> {
  for (const { name, family, tell } of generators) {
    const told = await tell(tree, names)
    if (told === null) continue
    const { proof, ...rest } = told
    const evidence = proof.map(
      ({ file, signal, value }): Evidence => ({
        ...{ kind: signal === 'directory' ? 'file' : 'config', file: within(baseDirectory, file), signal },
        ...(value === undefined ? {} : { value }),
      }),
    )
    return { name, family, ...rest, evidence }
  }
  return null
}
