// A ProxyCommand: `node relay.mjs PORT MS` carries bytes to 127.0.0.1:PORT and back, each way MS later.
import { connect } from 'node:net'

const [, , port, delay] = process.argv
const socket = connect(Number(port), '127.0.0.1')
// What is small must not wait for an answer to what was sent before.
socket.setNoDelay(true)
const later = (from, to) => {
  from.on('data', (chunk) => setTimeout(() => to.write(chunk), Number(delay)))
  from.on('end', () => setTimeout(() => to.end(), Number(delay)))
  from.on('error', () => process.exit(1))
  to.on('error', () => process.exit(1))
}
later(process.stdin, socket)
later(socket, process.stdout)
socket.on('close', () => setTimeout(() => process.exit(0), Number(delay)))
