import { createHash } from 'node:crypto'
import { open } from 'node:fs/promises'
import { AppaloftError } from '../spec/errors.js'
import { detectError, unreadable } from './errors.js'
import { writeAll } from './files.js'
import { sizeText } from './limits.js'

const mostRedirects = 5

/** An https URL without user information. Errors: `credentials-in-url`, `source-unreadable`. */
export function parseDownloadUrl(text: string): URL {
  let url: URL
  try {
    url = new URL(text)
  } catch (error) {
    throw unreadable('url', 'The URL of the archive is not a valid URL.', {}, error)
  }
  if (url.username !== '' || url.password !== '') {
    throw detectError('credentials-in-url', 'The URL of the archive carries user information.')
  }
  if (url.protocol !== 'https:') throw unreadable('url', 'The URL of the archive is not an https URL.')
  return url
}

/** For people and records. A query is left out: of a signed URL it is the credential. */
export const shownUrl = (url: URL) => `${url.origin}${url.pathname}`

/** Fetches into a new file: its sha256. Every redirect must be https again. Errors: `source-unreadable`. */
export async function download(url: URL, path: string, maxBytes: number, signal: AbortSignal): Promise<string> {
  const shown = shownUrl(url)
  try {
    const response = await follow(url, signal)
    if (!response.ok || response.body === null) {
      throw failed(shown, `the server answered with status ${response.status}`, response.status >= 500)
    }
    const hash = createHash('sha256')
    const file = await open(path, 'wx', 0o600)
    try {
      let bytes = 0
      for await (const chunk of response.body) {
        signal.throwIfAborted()
        bytes += chunk.length
        if (bytes > maxBytes)
          throw unreadable('too-large', `The archive at ${shown} is larger than ${sizeText(maxBytes)}.`)
        hash.update(chunk)
        await writeAll(file, chunk)
      }
    } finally {
      await file.close()
    }
    return hash.digest('hex')
  } catch (error) {
    signal.throwIfAborted()
    if (AppaloftError.isInstance(error)) throw error
    throw failed(shown, 'the connection failed', true, error)
  }
}

async function follow(start: URL, signal: AbortSignal): Promise<Response> {
  let url = start
  for (let hops = 0; ; hops++) {
    // Not compressed once more on the way: the checksum is of the file itself.
    const response = await fetch(url, { signal, redirect: 'manual', headers: { 'accept-encoding': 'identity' } })
    const location = response.headers.get('location')
    if (response.status < 300 || response.status >= 400 || location === null) return response
    await response.body?.cancel()
    if (hops >= mostRedirects) throw failed(shownUrl(start), 'it redirects too often', false)
    url = new URL(location, url)
    if (url.protocol !== 'https:') throw failed(shownUrl(start), 'it redirects to something else than https', false)
  }
}

const failed = (shown: string, why: string, retriable: boolean, cause?: unknown) =>
  unreadable('fetch', `The archive at ${shown} cannot be fetched: ${why}.`, {}, cause, retriable)
