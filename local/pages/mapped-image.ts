import { pipe } from 'fp-ts/function'
import * as TH from 'fp-ts/These'
import { describeIssues } from '../../lib/domain/cast-error'
import { type DicomDataset, isEmptied, projectDataset, valuesOfKeyword } from '../../lib/domain/dicom/dataset'
import { type Keyword, tagOf } from '../../lib/domain/dicom/tags'
import { parseJson } from '../../lib/domain/json'
import { type Change, type Rule, issuesOf } from '../../lib/domain/mapping/mapped'
import { defaultRules } from '../../lib/domain/mapping/rules'

export interface Attribute {
  readonly keyword: Keyword
  readonly values: ReadonlyArray<unknown>
}

/** What one rule makes of one image. */
export interface MappedElement {
  readonly element: string
  /** Those of its attributes that the image has. */
  readonly from: ReadonlyArray<Attribute>
  /** What the rule writes, as a part of the resource. */
  readonly to: object | undefined
  /** Why it writes nothing, or not all. */
  readonly why: string | undefined
}

export interface MappedImage {
  readonly elements: ReadonlyArray<MappedElement>
  /** Why nothing of the image is in FHIR; empty when it can be. */
  readonly rejected: string
  /** Optional elements whose attributes the image does not have. */
  readonly absent: ReadonlyArray<string>
  /** Attributes that no rule reads. */
  readonly unread: ReadonlyArray<readonly [tag: string, value: unknown]>
}

type Result = MappedElement & { readonly required: boolean }

const resultOf =
  <R extends object>(dataset: DicomDataset) =>
  ({ element, tags, required, map }: Rule<R>): Result => {
    const mapped = map(dataset)
    const change = pipe(
      mapped,
      TH.match(
        (): Change<R> | undefined => undefined,
        (each) => each,
        (_, each) => each,
      ),
    )
    const to = change?.('follow')({} as R) ?? {}
    const from = tags.filter((keyword) => dataset.has(tagOf(keyword)))
    const issues = issuesOf(mapped)
    const isEmpty = from.length > 0 && from.every((keyword) => isEmptied(dataset, keyword))
    const nothing = isEmpty ? 'it is empty' : from.length > 0 ? 'it holds nothing that this element can say' : undefined
    const isWritten = Object.keys(to).length > 0
    return {
      element,
      required,
      from: from.map((keyword) => ({ keyword, values: valuesOfKeyword(dataset, keyword) })),
      to: isWritten ? to : undefined,
      why: issues.length > 0 ? describeIssues(issues) : isWritten ? undefined : nothing,
    }
  }

/** The rules themselves, with default settings, on the metadata of one image. */
export const mapImage = (metadata: string): MappedImage => {
  const json = parseJson(metadata) as Readonly<Record<string, unknown>>
  const { patient, study, series, instance } = defaultRules
  const read = new Set([...patient, ...study, ...series, ...instance].flatMap(({ tags }) => tags.map(tagOf)))
  const dataset = projectDataset(read)(json) ?? new Map()
  const results = [
    ...patient.map(resultOf(dataset)),
    ...study.map(resultOf(dataset)),
    ...series.map(resultOf(dataset)),
    ...instance.map(resultOf(dataset)),
  ]
  return {
    elements: results.filter(({ from, to }) => from.length > 0 || to !== undefined),
    rejected: results.flatMap(({ required, to, why }) => (required && to === undefined ? [why ?? ''] : [])).join('; '),
    absent: [...new Set(results.flatMap(({ from, to, element }) => (from.length > 0 || to ? [] : [element])))],
    unread: Object.entries(json).filter(([tag]) => !read.has(tag.toUpperCase())),
  }
}
