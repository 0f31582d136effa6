/** A tar archive of small files, for the engine's call that puts files into a container. */
export function tarOf(files: readonly { name: string; content: string; mode: number; uid: number }[]): Buffer {
  const blocks = files.flatMap(({ name, content, mode, uid }) => {
    const data = Buffer.from(content)
    const head = Buffer.alloc(512)
    const octal = (value: number, length: number) => `${value.toString(8).padStart(length - 1, '0')}\0`
    head.write(name, 0, 100)
    head.write(octal(mode, 8), 100)
    head.write(octal(uid, 8), 108)
    head.write(octal(uid, 8), 116)
    head.write(octal(data.length, 12), 124)
    head.write(octal(0, 12), 136)
    head.write('        ', 148)
    head.write('0', 156)
    head.write('ustar\u000000', 257, 'latin1')
    head.write(
      `${head
        .reduce((sum, byte) => sum + byte, 0)
        .toString(8)
        .padStart(6, '0')}\0 `,
      148,
    )
    return [head, data, Buffer.alloc((512 - (data.length % 512)) % 512)]
  })
  return Buffer.concat([...blocks, Buffer.alloc(1024)])
}
