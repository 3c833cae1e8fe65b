import { type Image, datasetOf } from '../support/world/cast-images'
import { part10File } from '../support/world/dicom-part10'

interface Element {
  readonly vr: string
  readonly Value?: ReadonlyArray<unknown>
}

const textOf = (value: unknown): string =>
  typeof value === 'object' && value !== null ? String((value as { Alphabetic?: unknown }).Alphabetic) : String(value)

/** An image as a file that a real archive takes. */
export const fileOf = (image: Image): Buffer =>
  part10File(
    Object.entries(datasetOf(image) as Readonly<Record<string, Element>>)
      .sort(([left], [right]) => (left < right ? -1 : 1))
      .map(([tag, { vr, Value = [] }]) => [tag, vr, Value.map(textOf).join('\\')]),
  )
