import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'

const folder = fileURLToPath(new URL('../../.cache/planning-rivals', import.meta.url))
/** 24 MB with all that they need: installed for the bench alone, without their scripts. */
const dependencies = {
  '@netlify/build-info': '10.5.1',
  '@vercel/fs-detectors': '7.7.3',
  '@vercel/frameworks': '3.34.0',
}

function install() {
  const manifest = `${JSON.stringify({ private: true, dependencies }, null, 2)}\n`
  const file = join(folder, 'package.json')
  const done = join(folder, '.installed')
  if (existsSync(done) && readFileSync(file, 'utf8') === manifest) return
  mkdirSync(folder, { recursive: true })
  writeFileSync(file, manifest)
  const flags = ['install', '--ignore-scripts', '--no-audit', '--no-fund', '--no-save', '--loglevel=error']
  execFileSync('npm', flags, { cwd: folder, stdio: ['ignore', 'ignore', 'inherit'] })
  writeFileSync(done, '')
}

/** By name what looks at a folder as its package does for its own service. */
export async function rivals() {
  install()
  const require = createRequire(join(folder, 'package.json'))
  const at = (path) => pathToFileURL(join(folder, 'node_modules', path)).href
  const { getBuildInfo } = await import(at('@netlify/build-info/lib/node/get-build-info.js'))
  const { detectFrameworks, LocalFileSystemDetector, packageManagers } = require('@vercel/fs-detectors')
  const { frameworkList } = require('@vercel/frameworks')
  return {
    '@netlify/build-info': (projectDir) => getBuildInfo({ projectDir, rootDir: projectDir }),
    async '@vercel/fs-detectors'(projectDir) {
      const fs = new LocalFileSystemDetector(projectDir)
      await detectFrameworks({ fs, frameworkList })
      if (packageManagers) await detectFrameworks({ fs, frameworkList: packageManagers })
    },
  }
}
