// Run after the lock file was made anew: some registries list a parent before its packages for other platforms, npm then
// leaves those out, and `npm ci` refuses the lock file. They are added with the version that the parent names.
import { readFileSync, writeFileSync } from 'node:fs'

const parent = '@biomejs/biome'
const lock = JSON.parse(readFileSync('package-lock.json', 'utf8'))
const { optionalDependencies } = lock.packages[`node_modules/${parent}`]
const absent = Object.entries(optionalDependencies).filter(([name]) => !lock.packages[`node_modules/${name}`])
const sibling = Object.keys(optionalDependencies).find((name) => lock.packages[`node_modules/${name}`])
const { license, engines } = lock.packages[`node_modules/${sibling}`]
for (const [name, version] of absent) {
  const [, os, cpu, musl] = name.match(/cli-(\w+)-(\w+?)(?:-(musl))?$/)
  const libc = musl ? { libc: [musl] } : {}
  lock.packages[`node_modules/${name}`] = {
    version,
    cpu: [cpu],
    dev: true,
    ...libc,
    license,
    optional: true,
    os: [os],
    engines,
  }
}
if (absent.length > 0) writeFileSync('package-lock.json', `${JSON.stringify(lock, null, 2)}\n`)
console.log(`${absent.length} platform packages of ${parent} added to package-lock.json`)
