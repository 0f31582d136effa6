/**
 * Does a version meet what a source asks for? Knows what is written in practice: `20`, `20.x`, `v20.11`, `^20.1`, `~20.1.2`, `>=18 <21`,
 * `18 || 20`, `18 - 20`, `*`. Null: cannot tell (`lts/iron`, a file's odd words).
 */
export function versionFits(version: string, range: string): boolean | null {
  const given = parse(version)
  if (given === null) return null
  const wanted = range.trim().replace(/\s+-\s+/g, ' - ')
  if (wanted === '' || wanted === '*' || wanted === 'latest' || wanted === 'node') return true
  let unknown = false
  for (const alternative of wanted.split('||')) {
    const fits = meetsAll(given, alternative.trim())
    if (fits === true) return true
    if (fits === null) unknown = true
  }
  return unknown ? null : false
}

type Parts = [major: number, minor: number | null, patch: number | null]

function parse(text: string): Parts | null {
  const match = /^v?(\d+)(?:\.(\d+|[x*]))?(?:\.(\d+|[x*]))?(?:[-+].*)?$/i.exec(text)
  if (match === null) return null
  const part = (index: number) =>
    match[index] === undefined || /[x*]/i.test(match[index]) ? null : Number(match[index])
  const minor = part(2)
  return [Number(match[1]), minor, minor === null ? null : part(3)]
}

function meetsAll(given: Parts, alternative: string): boolean | null {
  const span = /^(\S+) - (\S+)$/.exec(alternative)
  const comparators =
    span === null ? alternative.replace(/([<>=^~]+)\s+/g, '$1').split(/\s+/) : [`>=${span[1]}`, `<=${span[2]}`]
  for (const comparator of comparators) {
    const fits = meets(given, comparator)
    if (fits !== true) return fits
  }
  return true
}

function meets(given: Parts, comparator: string): boolean | null {
  const [, operator = '', text = ''] = /^(\^|~|>=|<=|>|<|=)?(.*)$/.exec(comparator) ?? []
  if (text === '*' || text === 'x') return true
  const wanted = parse(text)
  if (wanted === null) return null
  // Compared only as far as the range says: `<=20` holds for 20.1.
  const order = compare(given, wanted)
  if (operator === '>=') return order >= 0
  if (operator === '<=') return order <= 0
  if (operator === '>') return order > 0
  if (operator === '<') return order < 0
  if (operator === '^') return given[0] === wanted[0] && order >= 0
  if (operator === '~') return given[0] === wanted[0] && (wanted[1] === null || given[1] === wanted[1]) && order >= 0
  return order === 0
}

function compare(given: Parts, wanted: Parts): number {
  for (const index of [0, 1, 2] as const) {
    const part = wanted[index]
    if (part === null) return 0
    const difference = (given[index] ?? 0) - part
    if (difference !== 0) return difference
  }
  return 0
}
