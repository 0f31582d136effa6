import http from 'node:http'

export const median = (numbers) => numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)]
export const since = (started) => performance.now() - started

export const ms = (number) => `${number.toFixed(1)} ms`
export const perSecond = (number) => `${Math.round(number).toLocaleString('en')} a second`
export const times = (number) => `${number.toFixed(2)} ×`

export const title = (text) => console.log(`\n${text}`)
export const row = (name, text) => console.log(`  ${name.padEnd(18)} ${text}`)

export async function repeat(runs, work) {
  const found = []
  for (let run = 0; run < runs; run++) found.push(await work(run))
  return found
}

/** The answer, its body read; null where nobody listens. */
const ask = (url, headers) =>
  new Promise((resolve) => {
    http
      .get(url, { agent: false, headers }, (answer) => answer.resume().on('end', () => resolve(answer)))
      .on('error', () => resolve(null))
  })

export async function firstAnswer(url, fits = () => true, headers = {}) {
  for (const end = performance.now() + 30_000; performance.now() < end; ) {
    const answer = await ask(url, headers)
    if (answer && fits(answer)) return
    await new Promise((resolve) => setTimeout(resolve, 1))
  }
  throw new Error(`${url} did not answer in 30 s`)
}
