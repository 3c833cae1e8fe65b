import { describe, expect, it } from '@jest/globals'
import { readEvents } from '../../../lib/requests/events'

const host = 'ws-dicom.dicom.azurehealthcareapis.com'
const data = (sequenceNumber: unknown, serviceHostName: unknown = host) => ({
  partitionName: 'Microsoft.Default',
  imageStudyInstanceUid: '1.2.3',
  imageSeriesInstanceUid: '1.2.3.1',
  imageSopInstanceUid: '1.2.3.1.1',
  serviceHostName,
  sequenceNumber,
})
const created = 'Microsoft.HealthcareApis.DicomImageCreated'
const gridEvent = (sequence: unknown, eventType: unknown = created, theirs?: unknown) => ({
  ...{ id: 'e', topic: '/subscriptions/s', subject: `${host}/studies/1.2.3`, eventType, dataVersion: '1' },
  data: data(sequence, theirs),
})
const cloudEvent = (sequence: unknown, type: unknown = created) => ({
  ...{ id: 'e', source: '/subscriptions/s', specversion: '1.0', subject: `${host}/studies/1.2.3`, type },
  data: data(sequence),
})

const heard = (body: unknown) => readEvents(typeof body === 'string' ? body : JSON.stringify(body), [host])
const told = (sequence?: number) => ({ _tag: 'Right', right: { _tag: 'Told', told: sequence } })

describe('what events tell', () => {
  it('is the highest number, in either schema, one or many', () => {
    expect(heard([gridEvent(7), gridEvent(9), gridEvent(8)])).toEqual(told(9))
    expect(heard([cloudEvent(3), cloudEvent(2)])).toEqual(told(3))
    expect(heard(cloudEvent(5))).toEqual(told(5))
  })

  it.each(['DicomImageCreated', 'DicomImageDeleted', 'DicomImageUpdated'])('comes with %s', (type) => {
    expect(heard([gridEvent(4, `Microsoft.HealthcareApis.${type}`)])).toEqual(told(4))
  })

  it('is read whatever the case of its keys and of the host', () => {
    const upper = (value: object) =>
      Object.fromEntries(Object.entries(value).map(([key, of]) => [key.toUpperCase(), of]))
    expect(heard([{ ...upper(gridEvent(6)), DATA: upper(data(6, host.toUpperCase())) }])).toEqual(told(6))
  })

  it('is nothing when no event is of this service or of these types', () => {
    expect(heard([])).toEqual(told())
    expect(heard({})).toEqual(told())
    expect(heard([gridEvent(7, created, 'other.example'), gridEvent(8, created, undefined)])).toEqual(told(8))
    expect(heard([gridEvent(7, created, null), gridEvent(7, created, { host })])).toEqual(told())
    expect(heard([gridEvent(7, 'Microsoft.HealthcareApis.FhirResourceCreated')])).toEqual(told())
    expect(heard([gridEvent(7, 7), gridEvent(7, null), cloudEvent(7, [created])])).toEqual(told())
  })

  it.each([0, -1, 1.5, 2 ** 53, 1e300, '7', null, true, [7], { value: 7 }])(
    'is no number of a feed: %j',
    (sequence) => {
      expect(heard([gridEvent(sequence)])).toEqual(told())
      expect(heard([gridEvent(sequence), gridEvent(3)])).toEqual(told(3))
    },
  )

  it('may be as high as a number can be', () => {
    expect(heard([gridEvent(Number.MAX_SAFE_INTEGER)])).toEqual(told(Number.MAX_SAFE_INTEGER))
  })

  it('is nothing where there should be events', () => {
    expect(
      heard([null, 7, 'x', [], [gridEvent(7)], { data: null }, { data: [] }, { __proto__: gridEvent(7) }]),
    ).toEqual(told())
  })

  it.each(['', 'null', '7', '"x"', '{', 'undefined', `${'['.repeat(20_000)}`])(
    'is refused when it is no JSON, or no event: %.20s',
    (text) => {
      expect(heard(text)).toEqual({ _tag: 'Left', left: ['expected an event, or a list of events'] })
    },
  )
})

describe('the handshake of Event Grid', () => {
  const validation = (data: unknown) => [
    { id: 'v', topic: '/s', subject: '', eventType: 'Microsoft.EventGrid.SubscriptionValidationEvent', data },
  ]

  it('is answered with the code that it brought', () => {
    const validationUrl = 'https://rp-westeurope.eventgrid.azure.net/x'
    expect(heard(validation({ validationCode: '512d38b6-c7b8-40c8-89fe-f46f9e9622b6', validationUrl }))).toEqual({
      _tag: 'Right',
      right: { _tag: 'Handshake', validationCode: '512d38b6-c7b8-40c8-89fe-f46f9e9622b6' },
    })
  })

  it.each([{}, null, { validationCode: 7 }, { validationCode: '<script>' }, { validationCode: 'x'.repeat(300) }])(
    'brings no code that could be sent back: %j',
    (data) => {
      expect(heard(validation(data))).toEqual(told())
    },
  )
})
