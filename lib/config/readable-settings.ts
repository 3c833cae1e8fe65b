import * as E from 'fp-ts/Either'
import { readSettings } from './read-settings'
import type { Environment, Problems } from './setting'

/** The problems, and the environment without what has one: what is left may do to look at the services. */
export const readableSettings = (
  environment: Environment,
): { readonly environment: Environment; readonly problems: Problems } => {
  const read = readSettings(environment)
  if (E.isRight(read)) return { environment, problems: [] }
  const names = new Set(read.left.map((problem) => problem.slice(0, problem.indexOf(':'))))
  const rest = Object.entries(environment).filter(([name]) => !names.has(name.replaceAll(':', '__')))
  return { environment: Object.fromEntries(rest), problems: read.left }
}
