/** The part of dcmjs that is used here; the package ships no types. */
declare module 'dcmjs' {
  interface ReadElement {
    readonly vr?: string
    readonly Value?: unknown
    readonly _rawValue?: unknown
  }

  export const data: {
    readonly DicomMetaDictionary: {
      readonly dictionary: Readonly<Record<string, { readonly name: string } | undefined>>
    }
    readonly DicomMessage: {
      readFile(
        file: ArrayBuffer,
        options: { untilTag: string; includeUntilTagValue: boolean },
      ): { readonly dict: Record<string, ReadElement> }
    }
    readonly DicomDict: new (meta: Readonly<Record<string, ReadElement>>) => {
      dict: Readonly<Record<string, ReadElement>>
      write(): ArrayBuffer
    }
  }

  interface Logger {
    setLevel(level: 'silent', persist: boolean): void
  }
  export const log: Logger & { getLogger(name: string): Logger }
}
