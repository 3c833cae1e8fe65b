import type { ImagingStudy, ImagingStudySeries } from 'fhir/r4'

// While a study is merged, its series and instances are kept apart from it, by UID.

export type StudyFields = Omit<ImagingStudy, 'series'>

export type SeriesFields = Omit<ImagingStudySeries, 'instance'>
