import { type Json, codeItem, dcm, element } from '../support/world/dose-sr'
import type { Key } from './feed-model'

/** What a simulated rejection note says: built here, read by the product, with the standard alone in common. */
export interface Note {
  /** DCM: 113001, 113037, 113038 or 113039. */
  readonly code: string
  readonly lists: ReadonlyArray<Pick<Key, 'study' | 'series' | 'instance'> & { readonly sopClass?: string }>
}

const imageClass = '1.2.840.10008.5.1.4.1.1.2'

/** The elements that make an object a Key Object Selection of this title. */
export const noteElements = ({ code, lists }: Note): Json => ({
  '00080016': element('UI', '1.2.840.10008.5.1.4.1.1.88.59'),
  '00080060': element('CS', 'KO'),
  '0040A043': element('SQ', codeItem(dcm(code))),
  '0040A375': element(
    'SQ',
    ...lists.map(({ study, series, instance, sopClass = imageClass }) => ({
      '0020000D': element('UI', study),
      '00081115': element('SQ', {
        '0020000E': element('UI', series),
        '00081199': element('SQ', { '00081150': element('UI', sopClass), '00081155': element('UI', instance) }),
      }),
    })),
  ),
})
