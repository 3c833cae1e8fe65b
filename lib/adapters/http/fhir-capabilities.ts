import * as E from 'fp-ts/Either'
import { type Checked, failure, records } from './fhir-answer'
import { isRecord } from './answers'

/** Of /metadata, which is asked before anything is written: is this a server for us, and can it keep the position? */
export const capabilitiesOf = (json: unknown): Checked<{ readonly offersBasic: boolean }> => {
  if (!isRecord(json) || json['resourceType'] !== 'CapabilityStatement') {
    return E.left(failure('/metadata is no CapabilityStatement: check Fhir__Endpoint'))
  }
  const version = String(json['fhirVersion'])
  if (!/^4\.0(\.|$)/.test(version)) {
    return E.left(failure(`it speaks FHIR ${/^[\d.]{1,12}$/.test(version) ? version : 'of unknown version'}, not 4.0`))
  }
  const rest = records(json['rest']).filter(({ mode }) => mode !== 'client')
  const offers = (interactions: unknown, code: string): boolean =>
    records(interactions).some((interaction) => interaction['code'] === code)
  if (!rest.some(({ interaction }) => offers(interaction, 'transaction'))) {
    return E.left(failure('it offers no transactions (/metadata, rest.interaction)'))
  }
  const basic = rest.flatMap(({ resource }) => records(resource)).filter(({ type }) => type === 'Basic')
  // The position is born by a PUT under an id of ours.
  const offersBasic = basic.some(
    ({ interaction, updateCreate }) => offers(interaction, 'update') && updateCreate !== false,
  )
  return E.right({ offersBasic })
}
