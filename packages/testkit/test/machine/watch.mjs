// `node watch.mjs`: looks again and again at the arguments and the environment of every process of this machine. The first line of its input
// is a JSON array of texts to look for; where one is seen, a line of JSON tells where. Ends with its input, and tells how often it looked.
import { readdirSync, readFileSync } from 'node:fs'
import { createInterface } from 'node:readline'

const read = (path) => {
  try {
    return readFileSync(path, 'latin1')
  } catch {
    return ''
  }
}
const tell = (value) => process.stdout.write(`${JSON.stringify(value)}\n`)
let texts
let looks = 0
const told = new Set()
/** By process its arguments: a new program has new ones, and an environment of its own. */
let known = new Map()

function look() {
  looks += 1
  const present = new Map()
  for (const pid of readdirSync('/proc')) {
    if (!/^\d+$/.test(pid) || Number(pid) === process.pid) continue
    const argv = read(`/proc/${pid}/cmdline`)
    present.set(pid, argv)
    if (known.get(pid) === argv) continue
    // Before and after: one that begins is not in its group yet, and one that ends has none any more.
    const group = read(`/proc/${pid}/cgroup`)
    for (const [place, content] of [
      ['arguments', argv],
      ['environment', read(`/proc/${pid}/environ`)],
    ]) {
      const found = texts.find((text) => content.includes(text))
      if (found === undefined || told.has(`${pid} ${place}`)) continue
      told.add(`${pid} ${place}`)
      // A process that was just taking up its program had no arguments yet, but its environment a moment later: they are read again.
      let ran = argv
      for (let time = 0; ran === '' && time < 1_000; time += 1) ran = read(`/proc/${pid}/cmdline`)
      tell({ place, argv: ran.split('\0').slice(0, -1), group: group + read(`/proc/${pid}/cgroup`) })
    }
  }
  known = present
  setTimeout(look, 1)
}

const lines = createInterface({ input: process.stdin })
lines.on('line', (line) => {
  if (texts !== undefined) return
  texts = JSON.parse(line).map((text) => Buffer.from(text).toString('latin1'))
  tell({ watching: true })
  look()
})
lines.on('close', () => {
  tell({ looks })
  process.exit(0)
})
