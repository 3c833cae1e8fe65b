import { expect, it } from '@jest/globals'
import * as TE from 'fp-ts/TaskEither'
import type { Run } from '../../../../lib/app/context'
import { heldIn } from '../../../../lib/app/operate/held-studies'
import type { OperatorPorts } from '../../../../lib/app/ports-operator'
import { endpoints } from '../../../support/world/domain-plan'
import { settingsOf } from '../../../support/world/domain-settings'

const run = {
  settings: settingsOf(),
  stopping: () => true,
  ports: { fhir: { search: () => TE.right([endpoints]) } },
} as unknown as Run

const heldOf = async (page: (asked: number) => { readonly studies: ReadonlyArray<string>; readonly next?: string }) => {
  let asked = 0
  const heldStudies = {
    page: () => {
      if (++asked > 1_000) throw new Error('it does not end')
      return TE.right(page(asked))
    },
  }
  return heldIn(run, { heldStudies } as unknown as OperatorPorts, 'Microsoft.Default')
}

it('what FHIR holds is read to the last page', async () => {
  const all = await heldOf((asked) => ({
    studies: asked % 3 === 0 ? [] : [`1.2.${asked}`],
    ...(asked === 300 ? {} : { next: 'x' }),
  }))
  expect(all).toMatchObject({ right: { size: 200 } })
})

it('a FHIR server that gives the same page again and again is a failure', async () => {
  expect(await heldOf((asked) => ({ studies: ['1.2.1', '1.2.2'], next: `x${asked}` }))).toMatchObject({
    left: { _tag: 'ServiceUnavailable', hop: 'fhir' },
  })
})
