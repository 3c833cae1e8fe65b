import type { Mutant } from './mutants'

const session = 'lib/app/cast/fhir-session.ts'
const apart = 'lib/domain/batch/apart.ts'

/** The rules under which the look-up of the next batch may overlap a transaction of this one (docs/adr/0002). */
export const overlapMutants: ReadonlyArray<Mutant> = [
  {
    name: 'a look-up that was made ahead outlives a version that is read anew',
    edits: [
      {
        file: session,
        from: '  position.ahead = undefined\n  position.lookedUp = undefined\n  const read = await position.fence.read()\n',
        to: '  const read = await position.fence.read()\n',
      },
    ],
    under: ['fhir: late commit', 'fhir: writes down', 'fhir: outage', 'fhir: lost answer'],
  },
  {
    name: 'without Basic the look-up is made ahead as well',
    edits: [{ file: session, from: 'position.next = offersBasic ? next : undefined', to: 'position.next = next' }],
    under: ['fhir: offers no Basic', 'feed: bulk update'],
  },
  {
    name: 'what comes behind the first look-up is asked ahead, too',
    edits: [
      {
        file: 'lib/app/run/look-up-next.ts',
        from: 'return { searches, found: await run.ports.fhir.search(searches)() }',
        to: `const found = await run.ports.fhir.search(searches)()
             const elsewhere = live.map(({ key }) => key.sopInstanceUid).filter((uid) => uid !== '').join(',')
             const more = [{ type: 'ImagingStudy' as const, parameters: [['instance', elsewhere]] as const }]
             if (elsewhere !== '') await run.ports.fhir.search(more)()
             return { searches, found }`,
      },
    ],
  },
  {
    name: 'what was looked up ahead serves more than once',
    edits: [
      {
        file: session,
        from: '      const { lookedUp } = position\n      position.lookedUp = undefined\n',
        to: '      const { lookedUp } = position\n',
      },
    ],
  },
  {
    name: 'batches that share a study overlap',
    edits: [{ file: apart, from: ' && !share(studiesIn(rows), studiesIn(next))', to: '' }],
  },
  {
    name: 'batches that share a Patient overlap',
    edits: [{ file: apart, from: '!share(people, others) && ', to: '' }],
    under: ['fhir: compares loosely'],
  },
  {
    name: 'batches overlap whose Patients only a loose server takes for one',
    edits: [
      {
        file: apart,
        from: ".test(value) ? value.toLowerCase().replace(/[^0-9a-z]/g, '') : undefined",
        to: ".test('') ? value : undefined",
      },
    ],
    under: ['fhir: compares loosely'],
  },
  {
    name: 'a look-up that was made ahead is believed though an Endpoint was written since',
    edits: [{ file: session, from: 'if (entries.some(writesEndpoint))', to: 'if (false)' }],
    under: ['feed: partition twins'],
  },
  {
    name: 'what is recorded as misfiled is taken before the batches before are settled',
    edits: [
      {
        file: 'lib/app/run/cast-batches.ts',
        from: 'const mismatched = mismatchedStudies(index.right)',
        to: `const now = mismatchedStudies(index.right)
             const mismatched = (casting as { early?: typeof now }).early ?? now
             Object.assign(casting, { early: mismatched })`,
      },
    ],
    toldBy: 'overlap.test.ts',
  },
]

const wake = 'lib/app/wake.ts'
const onlyEvents = ['feed: only events wake'] as const

export const wakeMutants: ReadonlyArray<Mutant> = [
  {
    name: 'a number that was told is taken away after the feed was read',
    edits: [
      {
        file: 'lib/app/run/run-cast.ts',
        from: `    if (ports.wake !== undefined) await takeTold(ports.wake)
    const ending = await work(run, reading, tally)
`,
        to: `    const ending = await work(run, reading, tally)
    if (ports.wake !== undefined) await takeTold(ports.wake)
`,
      },
    ],
    under: onlyEvents,
  },
  {
    name: 'whoever has let the lease go does not look for what was told meanwhile',
    edits: [
      {
        file: wake,
        from: 'if (row === undefined || !isMore(last, row.sequence) || row.etag === looked) return',
        to: 'return',
      },
    ],
    under: onlyEvents,
  },
  {
    name: 'the late row of a hole that is told during a run waits for the timer',
    edits: [{ file: wake, from: ' || (openHoles > 0 && told > 0)', to: '' }],
    under: onlyEvents,
  },
]
