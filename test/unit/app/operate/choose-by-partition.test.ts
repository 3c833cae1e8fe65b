import { describe, expect, it } from '@jest/globals'
import * as E from 'fp-ts/Either'
import type { Run } from '../../../../lib/app/context'
import { spelledAsInService } from '../../../../lib/app/operate/choose-studies'
import { select } from '../../../../lib/app/operate/select-rows'
import type { FailRowKey } from '../../../../lib/app/ports'
import type { OperatorPorts } from '../../../../lib/app/ports-operator'

const ports = { studyIndex: { partitions: () => () => Promise.resolve(E.right(['Clinic', 'research'])) } }
const spelled = (name: string) => spelledAsInService({} as Run, ports as unknown as OperatorPorts, name)

describe('a partition that an operator names', () => {
  it.each([
    ['clinic', 'Clinic'],
    ['RESEARCH', 'research'],
    ['microsoft.default', 'Microsoft.Default'],
    ['elsewhere', 'elsewhere'],
  ])('is written as the service spells it: %s', async (name, expected) => {
    expect(await spelled(name)).toEqual(E.right(expected))
  })

  it('selects its rows in any case, and the default one those that name none', () => {
    const row = (sequence: number, partition?: string): FailRowKey => ({
      ...{ table: 'DicomFailToStoreExceptionTable', sequence, code: 'PatientMismatch', etag: 'e' },
      ...(partition === undefined ? {} : { partition }),
    })
    const rows = [row(1, 'Clinic'), row(2, 'research'), row(3)]
    const selected = (partition: string) => select(rows, { partition, limit: 10 }).map(({ sequence }) => sequence)
    expect([selected('clinic'), selected('microsoft.default')]).toEqual([[1], [3]])
  })
})
