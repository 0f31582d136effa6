/** The keeper's and its helpers' own log: their standard output is a file. */
export const note = (role: string) => (text: string) => {
  console.log(`${new Date().toISOString()} ${role}[${process.pid}] ${text}`)
}
