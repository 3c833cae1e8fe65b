import { type Json, codeItem, container, dcm, element, num, ucum, uid } from '../support/world/dose-sr'

/** What a simulated dose report says. Built here, read by the product: they share the standard alone. */
export interface Report {
  /** Irradiation Event UIDs, in document order. */
  readonly events: ReadonlyArray<string>
  /** CT Dose Length Product Total, mGy.cm. */
  readonly dlp: number
  /** Minutes after midnight: the Content Time, on one Content Date. */
  readonly minute: number
  /** Its own flag says that it is. */
  readonly preliminary: boolean
}

export const reportClass = '1.2.840.10008.5.1.4.1.1.88.67'

const two = (number: number): string => String(number).padStart(2, '0')

const eventContainer = (event: string, index: number): Json =>
  container(
    dcm('113819'),
    uid(dcm('113769'), event),
    container(dcm('113829'), num(dcm('113838'), 10 + index, ucum('mGy.cm'))),
  )

/** The elements that make an image a dose report; whose and which it is, the dataset around them says. */
export const reportElements = ({ events, dlp, minute, preliminary }: Report): Json => ({
  '00080016': element('UI', reportClass),
  '00080060': element('CS', 'SR'),
  '00080023': element('DA', '20260105'),
  '00080033': element('TM', `${two(Math.floor(minute / 60))}${two(minute % 60)}00`),
  '0040A043': element('SQ', codeItem(dcm('113701'))),
  '0040A491': element('CS', 'COMPLETE'),
  ...(preliminary ? { '0040A496': element('CS', 'PRELIMINARY') } : {}),
  '0040A730': element(
    'SQ',
    container(dcm('113811'), num(dcm('113813'), dlp, ucum('mGy.cm'))),
    ...events.map(eventContainer),
  ),
})

const isNewer = (left: readonly [string, Report], right: readonly [string, Report]): boolean =>
  left[1].minute > right[1].minute || (left[1].minute === right[1].minute && left[0] > right[0])

/**
 * Whether the counts of one report are within those of another report of its study (identity.md, "Superseded
 * reports"): a function of the live reports, in whatever order they came.
 */
export const isSuperseded = (uidOf: string, live: ReadonlyMap<string, Report>): boolean => {
  const own = live.get(uidOf)
  if (own === undefined || own.events.length === 0) return false
  return [...live].some(
    ([other, report]) =>
      other !== uidOf &&
      isNewer([other, report], [uidOf, own]) &&
      own.events.every((event) => report.events.includes(event)),
  )
}
