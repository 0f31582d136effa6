import type { Reason } from '@appaloft/core/spec'

/** Where something stands. The file is relative to the source's root. */
export interface Place {
  file: string
  line?: number
}

export interface Ways {
  fixPath?: Reason['fixPath']
  overridePath?: Reason['overridePath']
}

/** What makes a Compose project invalid. Thrown while it is read, and turned into a `compose-invalid` where it is planned. */
export class ComposeProblem extends Error {
  constructor(
    message: string,
    readonly at: Place,
    readonly ways: Ways = {},
  ) {
    super(message)
  }
}

/** The text of a file in a message: quoted and bounded. */
export const quoted = (text: string): string => JSON.stringify(bounded(text, 100))

export const bounded = (text: string, length = 200): string =>
  text.length > length ? `${text.slice(0, length)}…` : text

export const placeName = ({ file, line }: Place): string => (line === undefined ? file : `${file}, line ${line}`)
