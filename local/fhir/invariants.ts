import type { Model } from 'fhirpath'
import { compile } from 'fhirpath'
import r4 from 'fhirpath/fhir-context/r4'
import type { Json } from './data-types'
import type { Invariant } from './definitions'

/**
 * Checked natively: they are everywhere (ele-1, ext-1, ref-1), or FHIRPath has no htmlChecks (txt-*) or can't run them
 * (dom-3).
 */
const native = new Set(['ele-1', 'ext-1', 'ref-1', 'txt-1', 'txt-2', 'dom-3'])
/** fhirpath.js can't run these; they are about ElementDefinition, which only profiles use. */
const skipped = new Set(['eld-16', 'eld-19', 'eld-20'])
/** A comparison of dates of different precision is neither true nor false; a Period of them is fine. */
const mayBeUndecided = new Set(['per-1'])

type Evaluate = (value: Json, variables: { readonly resource: Json; readonly rootResource: Json }) => unknown

const evaluators = new Map<string, Evaluate>()

const evaluatorOf = ({ expression, base }: Invariant): Evaluate => {
  const key = `${base} ${expression}`
  const known = evaluators.get(key)
  if (known !== undefined) return known
  const evaluate = compile({ base, expression }, r4 as Model, { traceFn: () => undefined }) as Evaluate
  evaluators.set(key, evaluate)
  return evaluate
}

export const isEvaluated = ({ key }: Invariant): boolean => !native.has(key) && !skipped.has(key)

/**
 * Whether the value keeps an invariant. `resource` is what holds it, `rootResource` what holds that if it is contained.
 */
export const holds = (invariant: Invariant, value: Json, resource: Json, rootResource: Json): boolean => {
  try {
    const result = evaluatorOf(invariant)(value, { resource, rootResource })
    if (!Array.isArray(result)) return false
    return result.length === 0 ? mayBeUndecided.has(invariant.key) : result[0] === true
  } catch {
    // Content of the wrong shape; the walker reports that too.
    return false
  }
}
