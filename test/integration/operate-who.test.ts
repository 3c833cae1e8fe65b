import { expect, it } from '@jest/globals'
import { created } from '../support/world/cast-images'
import { type OperateWorld, useOperateWorld } from '../support/world/operate-world'

const newWorld = useOperateWorld()

const name = 'x-ms-client-principal-name'
const id = 'x-ms-client-principal-id'
const oid = '11111111-2222-3333-4444-555555555555'

/** Who the run history says asked for a catch-up. */
const whoAsked = async (world: OperateWorld, headers: Readonly<Record<string, string>>): Promise<unknown> => {
  const { status } = await fetch(`${world.host.url}/api/catch-up`, { method: 'POST', headers })
  expect(status).toBe(200)
  const { json } = await world.call('GET', 'status')
  const [run] = json['runs'] as ReadonlyArray<Readonly<Record<string, unknown>>>
  expect(run).toMatchObject({ kind: 'catch-up', entries: 1 })
  return run?.['by']
}

it.each([
  ['a person', { WEBSITE_AUTH_ENABLED: 'True' }, { [name]: 'pat@hospital.example', [id]: oid }, 'pat@hospital.example'],
  ['a program, which has an id only', { WEBSITE_AUTH_ENABLED: 'True' }, { [id]: oid }, oid],
  [
    'a name, and only our own setting says so',
    { OVERRIDE_USE_MI_FIC_ASSERTION_CLIENTID: oid },
    { [name]: 'boss' },
    'function key',
  ],
  ['nobody with a name', { WEBSITE_AUTH_ENABLED: 'True' }, {}, 'function key'],
  ['markup', { WEBSITE_AUTH_ENABLED: 'True' }, { [name]: '<b>pat' }, 'bpat'],
  ['a name, and nobody vouches for it', { WEBSITE_AUTH_ENABLED: 'False' }, { [name]: 'boss' }, 'function key'],
  ['a name, without App Service', {}, { [name]: 'boss', [id]: oid }, 'function key'],
] as const)('the run history says who asked: %s', async (_, app, headers, by) => {
  const world = await newWorld({ app })
  world.dicom.control.append(created({ study: '1.2.3' }))
  expect(await whoAsked(world, headers as Readonly<Record<string, string>>)).toBe(by)
})
