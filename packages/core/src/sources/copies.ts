export async function keptCopy(_stateDir: string, _digest: string): Promise<string | null> {
  return null
}
export async function discardCopies(_stateDir: string, _keep: ReadonlySet<string>): Promise<void> {}
