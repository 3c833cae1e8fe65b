import { type Html, markup } from './page'

/** "Make FHIR fail, and watch": the steps, as the terminal and the page tell them. */
export interface Step {
  readonly text: string
  readonly command: string
}

const json = '-H "Content-Type: application/json"'

export const experimentSteps = (
  fhirUrl: string,
  study?: { readonly dicomUrl: string; readonly uid: string },
): ReadonlyArray<Step> => [
  {
    text: 'Make FHIR fail: from now on it answers 503.',
    command: `curl -X PUT ${fhirUrl}/_local/faults ${json} -d '[{"fault":"503"}]'`,
  },
  ...(study === undefined
    ? []
    : [
        {
          text: 'Change a study in DICOM.',
          command: `curl "${study.dicomUrl}/v2/studies/\\$bulkUpdate" ${json} -d '{"studyInstanceUids":["${study.uid}"],"changeDataset":{"00081030":{"vr":"LO","Value":["Changed while FHIR was down"]}}}'`,
        },
      ]),
  {
    text: 'Watch the dashboard: the checkpoint waits, the reason is told, nothing is lost. Mend FHIR, and the next cast catches up.',
    command: `curl -X DELETE ${fhirUrl}/_local/faults`,
  },
]

export const experimentOf = (steps: ReadonlyArray<Step>): Html =>
  markup`${steps.map(
    ({ text, command }) =>
      markup`<p>${text}</p>
        <pre>${command}</pre>`,
  )}`
