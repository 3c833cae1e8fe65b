import type { Coding, Identifier, Observation } from 'fhir/r4'
import { codeSystems } from '../../fhir/code-systems'
import { uuidV5 } from '../../fhir/identifiers'
import { feedIdOf } from '../../fhir/position'
import { ourNamespace } from '../../fhir/provenance'
import type { MappingSettings } from '../settings'

export type DoseKind = 'summary' | 'event'

/** Of whose doses something is said: a study of one partition of the feed. */
export interface DoseOwner {
  readonly settings: MappingSettings
  readonly partition: string
  /** StudyInstanceUID. */
  readonly uid: string
}

/**
 * By what an Observation of ours is known: (feed, partition, study, report or event), in one ASCII token that every
 * server compares alike. The UIDs alone do not do: a copy of a report may stand in another person's study.
 */
export const doseIdentifier = (owner: DoseOwner, kind: DoseKind, uid: string): Identifier => {
  const { settings, partition, uid: study } = owner
  const name = JSON.stringify([feedIdOf(settings.dicom), partition, study, kind, uid])
  return { system: codeSystems.uri, value: `urn:uuid:${uuidV5(ourNamespace, name)}` }
}

const isCoded = ({ code }: Pick<Observation, 'code'>, system: string, wanted: string): boolean =>
  (code.coding ?? []).some((coding: Coding) => coding.system === system && coding.code === wanted)

/** None of something that is neither. */
export const doseKindOf = (observation: Pick<Observation, 'code'>): DoseKind | undefined => {
  if (isCoded(observation, codeSystems.dcm, '113852')) return 'event'
  return isCoded(observation, 'http://loinc.org', '73569-6') ? 'summary' : undefined
}

const typeOf: Readonly<Record<DoseKind, string>> = { summary: 'sop-instance-uid', event: 'irradiation-event-uid' }

/** The SOPInstanceUID of its report, or the UID of its event; '' of what names none. */
export const doseUidOf = ({ identifier = [] }: Pick<Observation, 'identifier'>, kind: DoseKind): string => {
  const uids = identifier.filter(({ system }) => system === codeSystems.dicomUid)
  const typed = uids.find(({ type }) => (type?.coding ?? []).some(({ code }) => code === typeOf[kind]))
  return ((typed ?? uids[0])?.value ?? '').replace(/^urn:oid:/, '')
}
