/** Without these characters at its end. In linear time, which `/x+$/` is not: it begins anew at each x. */
export const withoutTrailing = (text: string, characters: string): string => {
  let end = text.length
  while (end > 0 && characters.includes(text.charAt(end - 1))) end--
  return text.slice(0, end)
}
