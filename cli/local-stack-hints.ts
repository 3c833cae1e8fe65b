import { relative } from 'node:path'
import { experimentSteps } from '../local/pages/experiment'
import type { Stack } from '../local/stack'
import { type OwnServers, commandSettings } from '../local/stack-settings'
import { storeLine } from './local-service'

interface Running {
  readonly stack: Stack
  readonly isWoken: boolean
  readonly own: OwnServers
  /** The local FHIR service, which fails when it is told to. */
  readonly isOurFhir: boolean
  /** A study that was cast. */
  readonly study: string | undefined
}

/** Its own API lies beside DICOMweb. */
const orthancOf = ({ dicomUrl }: Stack): string => dicomUrl.replace(/\/dicom-web$/, '')

/** What to try on the running stack. */
export const hintsOf = ({ stack, isWoken, own, isOurFhir, study }: Running): ReadonlyArray<string> => [
  'Look around: open this page in a browser',
  `  ${stack.functionsUrl}/`,
  'See how it stands',
  `  ${stack.functionsUrl}/api/dashboard`,
  ...(own.orthanc === true
    ? ['See what Orthanc holds', `  ${orthancOf(stack)}/app/explorer.html`]
    : ['See what came of an image, attribute by attribute', `  ${stack.dicomUrl}/`]),
  'Ask FHIR',
  `  curl "${stack.fhirUrl}/ImagingStudy?_count=10"`,
  `  curl "${stack.fhirUrl}/Patient?_count=10"`,
  `Store a file of yours; it is in FHIR ${isWoken ? 'a second later: an event wakes the app' : 'after the next tick'}`,
  `  ${own.orthanc === true ? `curl ${orthancOf(stack)}/instances --data-binary @image.dcm` : storeLine(stack.dicomUrl)}`,
  'Fire the timer now',
  `  curl -X POST ${stack.functionsUrl}/admin/functions/castTimer`,
  ...(isOurFhir ? experiment(stack, own, study) : []),
  'Try the commands on it, in another shell',
  ...Object.entries(
    commandSettings({ dicom: stack.dicomUrl, fhir: stack.fhirUrl, connectionString: stack.connectionString }, own),
  ).map(([name, value]) => `  export ${name}='${value}'`),
  `  node ${relative(process.cwd(), process.argv[1] ?? '')} status`,
  '',
  `Running on the schedule ${stack.schedule}. Ctrl-C stops everything.`,
]

const experiment = ({ fhirUrl, dicomUrl }: Stack, own: OwnServers, uid: string | undefined): ReadonlyArray<string> => {
  const isOurDicom = own.dicomwebUrl === undefined && own.orthanc !== true
  const study = uid === undefined || !isOurDicom ? undefined : { dicomUrl, uid }
  return [
    'One experiment: make FHIR fail, and watch',
    ...experimentSteps(fhirUrl, study).flatMap(({ text, command }) => [`  ${text}`, `    ${command}`]),
  ]
}
