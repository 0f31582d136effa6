import type { ResourceDefinition } from '@appaloft/core/spec'

/** What one request must be answered with. `{nonce}` stands for a word that no build can know: it proves that a server rendered it. */
export interface Ask {
  path: string
  headers?: Record<string, string>
  /** Default 200. */
  status?: number
  /** All of them are in the body. */
  text?: readonly string[]
  /** Begins the content type. */
  type?: string
}

/** A real application below `test/fixtures/frameworks`, what its plan must be, and how it must answer. */
export interface RealApp {
  /** The folder's name. */
  name: string
  /** Dependencies whose installed versions are told. */
  versions: readonly string[]
  /** Where a person would have to say something as well: nothing else is given to the planner. */
  profile?: Partial<Omit<ResourceDefinition, 'id' | 'source'>>
  baseDirectory?: string
  plan: {
    framework?: { name: string; mode: 'server' | 'static' | 'spa' }
    kind: 'workspace' | 'static-site'
    /** Default `first-class`. */
    tier?: 'first-class' | 'generic' | 'explicit-custom'
    /** Default `npm`. */
    manager?: 'npm' | 'pnpm' | 'yarn' | 'yarn-berry' | 'bun'
    /** Exactly these, at the preview; default: none. */
    warnings?: readonly string[]
  }
  asks: readonly Ask[]
  /** A file that the page of `/` links to, by its address there: it must be answered as what it is. */
  asset?: RegExp
  /** Deployed in every run of the tests: quick. */
  everyRun?: true
}

/** A client's own routes: any path answers with the page. Without it, an unknown path of a site is 404. */
export const fallback = (text: string): Ask => ({ path: '/no/such/page', text: [text], type: 'text/html' })
export const missing: Ask = { path: '/no/such/page', status: 404 }
