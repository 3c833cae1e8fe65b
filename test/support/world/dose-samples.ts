import { type Json, coded, container, dateTime, dcm, modifier, num, property, sct, text, ucum, uid } from './dose-sr'

const eventUid = dcm('113769')

/** One CT acquisition (PS3.16 TID 10013). */
export const ctAcquisition = (event: string, ctdi: unknown, dlp: unknown, ...further: ReadonlyArray<Json>): Json =>
  container(
    dcm('113819'),
    coded(dcm('123014'), sct('816094009', 'Chest')),
    uid(eventUid, event),
    container(
      dcm('113829'),
      num(dcm('113830'), ctdi, ucum('mGy')),
      coded(dcm('113835'), dcm('113691', 'IEC Body Dosimetry Phantom')),
      num(dcm('113838'), dlp, ucum('mGy.cm')),
    ),
    ...further,
  )

/** A CT report (PS3.16 TID 10011). */
export const ctContent = (...acquisitions: ReadonlyArray<Json>): ReadonlyArray<Json> => [
  modifier(
    dcm('121058'),
    sct('77477000', 'Computed Tomography X-Ray'),
    modifier(sct('363703001'), sct('261004008', 'Diagnostic')),
  ),
  coded(dcm('121005'), dcm('121007', 'Device')),
  uid(dcm('121012'), '1.2.3.4.5'),
  text(dcm('121013'), 'CT01'),
  text(dcm('121014'), 'Maker'),
  dateTime(dcm('113809'), '20260302080102.5+0100'),
  dateTime(dcm('113810'), '20260302080502+0100'),
  coded(dcm('113705'), dcm('113014', 'Study')),
  container(
    dcm('113811'),
    num(dcm('113812'), acquisitions.length, ucum('{events}')),
    num(dcm('113813'), 203.12, ucum('mGy.cm')),
  ),
  ...acquisitions,
]

/** Accumulated doses of one plane (PS3.16 TID 10002). */
export const accumulated = (plane: Json | undefined, ...doses: ReadonlyArray<Json>): Json =>
  container(dcm('113702'), ...(plane === undefined ? [] : [plane]), ...doses)

export const plane = (code: string): Json => modifier(dcm('113764'), dcm(code))

/** One event of a projection system (PS3.16 TID 10003). */
export const xRayEvent = (event: string, started: string, ...further: ReadonlyArray<Json>): Json =>
  container(dcm('113706'), uid(eventUid, event), dateTime(dcm('111526'), started), ...further)

export const procedure = (code: readonly [string, string, string]): Json => modifier(dcm('121058'), code)

/** A radiopharmaceutical administration (PS3.16 TID 10022). */
export const administration = (event: string, ...further: ReadonlyArray<Json>): Json =>
  container(
    dcm('113502'),
    coded(
      sct('349358000', 'Radiopharmaceutical agent'),
      sct('35321007', 'Fluorodeoxyglucose F^18^'),
      property(sct('89457008', 'Radionuclide'), sct('77004003', '^18^Fluorine')),
    ),
    uid(dcm('113503'), event),
    dateTime(dcm('123003'), '20260302073000'),
    num(dcm('113507'), 352.4, ucum('MBq')),
    num(dcm('123005'), 1.25, ucum('cm3')),
    coded(sct('410675002', 'Route of administration'), sct('47625008', 'Intravenous route')),
    ...further,
  )
