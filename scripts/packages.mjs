// Checks what users will install: the packed packages, their export maps, and a project that has nothing but them.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { inParallel, run } from './lib/run.mjs'
import { bin, filesBelow, packages, readJson } from './lib/workspace.mjs'

const problems = []
const work = mkdtempSync(join(tmpdir(), 'appaloft-packages-'))

const check = async (title, file, args, options) => {
  const { code, stdout, output } = await run(file, args, { capture: true, ...options })
  if (code !== 0) problems.push(`${title}\n${output.trim()}`)
  return stdout
}

const pack = async ({ folder, manifest: { name } }) => {
  const into = join(work, 'tarballs', name.replaceAll('/', '-'))
  mkdirSync(into, { recursive: true })
  await check(`npm pack ${name}`, 'npm', ['pack', '--silent', '--pack-destination', into], { cwd: folder })
  const [tarball] = filesBelow(into)
  if (!tarball) return [name, null]
  await check(`publint ${name}`, process.execPath, [bin('publint'), tarball, '--strict'])
  const attw = [
    bin('@arethetypeswrong/cli', 'attw'),
    tarball,
    '--profile',
    'esm-only',
    '--no-color',
    '--format',
    'ascii',
  ]
  await check(`are the types wrong in ${name}`, process.execPath, attw)
  return [name, tarball]
}

/** An empty project with some of the tarballs installed; answers its folder. */
const project = async (label, tarballs) => {
  const folder = join(work, label)
  mkdirSync(folder)
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ name: label, private: true, type: 'module' }))
  const args = ['install', '--no-audit', '--no-fund', '--prefer-offline', ...tarballs]
  await check(`npm install (${label})`, 'npm', args, { cwd: folder })
  return folder
}

const withScripts = (folder) =>
  Object.entries(readJson(join(folder, 'node_modules/.package-lock.json')).packages)
    .filter(([, entry]) => entry.hasInstallScript)
    .map(([path]) => path)

const loads = (all) =>
  all.flatMap(({ manifest: { name, exports } }) =>
    Object.entries(exports)
      .filter(([, target]) => typeof target === 'object')
      .map(([path]) => (path === '.' ? name : `${name}/${path.slice(2)}`)),
  )

try {
  const all = packages().filter(({ manifest }) => !manifest.private)
  const tarballs = Object.fromEntries(await inParallel(all, 2, pack))

  if (Object.values(tarballs).every(Boolean)) {
    const everything = await project('everything', Object.values(tarballs))
    await inParallel(loads(all), 2, async (entry) => {
      const cwd = everything
      const required = `require('node:module').createRequire(process.cwd() + '/x.cjs')('${entry}')`
      await check(`import('${entry}')`, process.execPath, ['--input-type=module', '-e', `await import('${entry}')`], {
        cwd,
      })
      await check(`require('${entry}')`, process.execPath, ['--input-type=commonjs', '-e', required], { cwd })
    })

    const core = await project('core-alone', [tarballs['@appaloft/core']])
    const native = filesBelow(join(core, 'node_modules')).filter((file) => /\.(node|so|dylib|dll|wasm)$/.test(file))
    if (native.length > 0) problems.push(`core installs native files: ${native.map((file) => relative(core, file))}`)
    for (const file of filesBelow(join(core, 'node_modules/@appaloft/core/dist')).filter((file) =>
      file.endsWith('.js'),
    )) {
      // `require` of an ES module refuses a top-level await, its own or that of anything it imports.
      const script = `require(${JSON.stringify(file)})`
      await check(
        `no top-level await: ${relative(core, file)}`,
        process.execPath,
        ['--input-type=commonjs', '-e', script],
        { cwd: core },
      )
    }

    const store = await project('store-alone', [tarballs['@appaloft/core'], tarballs['@appaloft/store-sqlite']])
    for (const folder of [core, store]) {
      const scripts = withScripts(folder)
      if (scripts.length > 0) problems.push(`install scripts ran in ${relative(work, folder)}: ${scripts}`)
    }
    const entries = loads(all).length
    console.log(
      `${all.length} packages packed and checked, ${entries} entries imported and required in an empty project`,
    )
  }
} catch (error) {
  problems.push(error.stack)
} finally {
  rmSync(work, { recursive: true, force: true })
}

for (const problem of problems) console.error(`FAILED ${problem}\n`)
process.exitCode = problems.length === 0 ? 0 : 1
