declare module 'dicom-character-set' {
  /** Throws for a set that it does not know, and for an escape sequence that is in none of the sets. */
  export function convertBytes(
    specificCharacterSet: string,
    bytes: Uint8Array,
    options: { readonly vr: string },
  ): string
}
