export default async (): Promise<void> => {
  await globalThis.hapiOfJest?.close()
}
