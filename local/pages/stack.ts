import { type Neighbours, type Page, link, listOf, markup } from './page'

/** The index of the functions host: where everything is. */
export const stackPage = ({ dicom, fhir }: Neighbours, functions: ReadonlyArray<string>): Page => ({
  title: 'DICOMcast on this machine',
  body: markup`<p>Images go into a DICOM service; DICOMcast reads its change feed, and keeps a FHIR server in step.</p>
    ${listOf(
      [
        markup`<a href="/api/dashboard">Dashboard</a><span>whether it works, what failed, and why</span>`,
        ...(dicom === undefined
          ? []
          : [markup`${link(dicom, [], 'DICOM service')}<span>the images, each beside what it became</span>`]),
        ...(fhir === undefined
          ? []
          : [
              markup`${link(fhir, [], 'FHIR service')}<span>Patients, ImagingStudies, Observations; and how to make it fail</span>`,
            ]),
        markup`<a href="/api/metrics">Metrics</a><span>the same in numbers, for Prometheus</span>`,
      ],
      '',
    )}
<h2>For programs</h2>
<details><summary>${functions.length} functions</summary>${listOf(
    functions.map((each) => markup`<code>${each}</code>`),
    'None.',
  )}</details>`,
})
