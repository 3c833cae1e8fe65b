import type { OperatorPorts } from '../ports-operator'
import type { HintedGoneStore, Reconciliations, SeenStudies, StudySource } from '../ports-source'

/** What a run needs where the archive has no change feed. */
export interface SourcePorts extends OperatorPorts {
  readonly source: StudySource
  readonly seen: SeenStudies
  readonly reconciliations: Reconciliations
  readonly hintedGone: HintedGoneStore
}
