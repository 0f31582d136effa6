import { type ChildProcess, spawn } from 'node:child_process'
import type { Socket } from 'node:net'

/**
 * Ends the child when this process is gone, however it went: a shell of its own waits for the end of its input, which only this process
 * holds open. Where the child has ended, so does the shell.
 */
export function endsWithUs(child: ChildProcess): void {
  const script = 'trap "" INT TERM HUP; read line; [ "$line" = done ] || kill -9 "$1" 2>/dev/null'
  const watcher = spawn('/bin/sh', ['-c', script, 'sh', String(child.pid)], {
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
  })
  watcher.unref()
  ;(watcher.stdin as Socket).unref()
  watcher.stdin.on('error', () => undefined)
  child.once('exit', () => void watcher.stdin.end('done\n'))
}
