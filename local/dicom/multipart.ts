/** The parameters of a Content-Type header, names in lower case, quotes removed. */
export const readContentType = (header: string): { type: string; parameters: ReadonlyMap<string, string> } => {
  const [type = '', ...rest] = header.split(';')
  const parameters = rest.flatMap((part): Array<[string, string]> => {
    const at = part.indexOf('=')
    if (at < 0) return []
    return [
      [
        part.slice(0, at).trim().toLowerCase(),
        part
          .slice(at + 1)
          .trim()
          .replace(/^"(.*)"$/, '$1'),
      ],
    ]
  })
  return { type: type.trim().toLowerCase(), parameters: new Map(parameters) }
}

/** The bodies of the parts of a multipart message (RFC 2046 §5.1), without their headers. */
export const splitMultipart = (body: Buffer, boundary: string): ReadonlyArray<Buffer> => {
  // With a line break in front, the first delimiter looks like all others.
  const message = Buffer.concat([Buffer.from('\r\n'), body])
  const delimiter = Buffer.from(`\r\n--${boundary}`)
  const parts: Buffer[] = []
  let at = message.indexOf(delimiter)
  while (at >= 0) {
    const from = at + delimiter.length
    if (message.toString('latin1', from, from + 2) === '--') break
    const next = message.indexOf(delimiter, from)
    const part = message.subarray(message.indexOf('\r\n', from), next < 0 ? message.length : next)
    const headersEnd = part.indexOf('\r\n\r\n')
    if (headersEnd >= 0) parts.push(part.subarray(headersEnd + 4))
    at = next
  }
  return parts
}

/** A multipart/related body of Part 10 files for STOW-RS (PS3.18 §10.5). */
export const joinMultipart = (files: ReadonlyArray<Buffer>, boundary: string): Buffer =>
  Buffer.concat([
    ...files.flatMap((file) => [
      Buffer.from(`--${boundary}\r\nContent-Type: application/dicom\r\n\r\n`),
      file,
      Buffer.from('\r\n'),
    ]),
    Buffer.from(`--${boundary}--\r\n`),
  ])
