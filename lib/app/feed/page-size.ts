export const widestPage = 100
/** Pages are asked for side by side while their bytes, judged by the last one, are fewer than this. */
const maxBytesAsked = 4 * 1024 * 1024
const maxPagesAsked = 4

/** How large pages are, as far as a run has seen. */
export interface PageSize {
  /** How wide a page may be to come within the byte cap. */
  width: number
  /** Of the last page; none while unknown. */
  bytes: number | undefined
}

export const anyPageSize = (): PageSize => ({ width: widestPage, bytes: undefined })

export const pagesAtOnce = ({ bytes = Infinity }: PageSize): number =>
  Math.max(1, Math.min(maxPagesAsked, Math.floor(maxBytesAsked / Math.max(1, bytes))))

/** Down to what came within the byte cap, and in time, and slowly up again. */
export const adapt = (
  size: PageSize,
  { from, width }: { readonly from: number; readonly width: number },
  { to, bytes, oneByOne }: { readonly to: number; readonly bytes: number; readonly oneByOne?: boolean },
): void => {
  if (oneByOne === true) {
    size.width = Math.max(1, Math.min(size.width, Math.ceil(widestPage / 2)))
    return
  }
  size.bytes = bytes
  if (to < from + width) size.width = Math.max(1, to - from)
  else if (width >= size.width - 1) size.width = Math.min(widestPage, size.width + Math.ceil(size.width / 4))
}
