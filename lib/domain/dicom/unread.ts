import { dictionary } from './tags'

// What stands between the brackets of a Value: numbers, null and text without an escape, no item and no name.
const scalars = String.raw`[^\[\]{}"\\]*(?:"[^"\\]*"[^\[\]{}"\\]*){0,64}`
const tag = `(?!${Object.values(dictionary)
  .map((each) => each.tag)
  .join('|')})[0-9A-F]{8}`
const element = String.raw`"${tag}":\{"vr":"[A-Z]{2}"(?:,"Value":\[${scalars}\])?\},`

/** Several in a row, which is the rule: most of a dataset is not read here. */
const unreadElements = new RegExp(String.raw`(?<!\\)(?:${element}){1,32}`, 'g')

/**
 * JSON text with datasets in the DICOM JSON Model (PS3.18 Annex F), without plain elements that this product does not
 * read: that is nine tenths of the text of a CT, and parsing is most of the work. An element is only recognised as the
 * service writes it (`"0028XXXX":{"vr":"US","Value":[512]},`), and cannot be mistaken: a quotation mark inside of a text
 * is escaped. All others stay, and so does the last element of a dataset; they are passed over when the entry is decoded.
 */
export const withoutUnread = (text: string): string => text.replace(unreadElements, '')
