import type { Deployment, Envelope } from '@appaloft/core/spec'

/** Shows one attempt while it runs. */
export interface Reporter {
  accepted(attempt: { id: string }): void
  envelope(envelope: Envelope): void
  /** A word of the command line itself. */
  note(text: string): void
  finish(deployment: Deployment): void
  /** Gives the terminal back. Idempotent. */
  close(): void
}
