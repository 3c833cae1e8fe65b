/** Green, amber and red never stand alone: words say the same. Contrast of text is 4.5 : 1 or better in both schemes. */
export const style = `
:root {
  color-scheme: light dark;
  --page: #f5f6f8; --card: #ffffff; --text: #16191d; --quiet: #545c66; --line: #d5dae0; --link: #0b57b0;
  --fine: #11632f; --fineBack: #e3f5e8; --behind: #7a4a00; --behindBack: #fff1d2;
  --broken: #a11219; --brokenBack: #fde5e5; --onMain: #ffffff;
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #101317; --card: #191d23; --text: #e8ebef; --quiet: #a3adb8; --line: #343b44; --link: #7db5ff;
    --fine: #7fdc9b; --fineBack: #14301e; --behind: #ffc95c; --behindBack: #35280c;
    --broken: #ff9a98; --brokenBack: #411719; --onMain: #0c1420;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0 auto; padding: 0 1.25rem 2rem; max-width: 76rem; background: var(--page); color: var(--text);
  font: 1rem/1.45 system-ui, -apple-system, 'Segoe UI', 'Open Sans', 'DejaVu Sans', sans-serif;
}
header { display: flex; flex-wrap: wrap; align-items: center; gap: .5rem 1.25rem; padding: .75rem 0; }
header p { margin: 0; }
.brand { font-weight: 700; margin-right: auto !important; }
.quiet { color: var(--quiet); font-size: .875rem; }
.skip { position: absolute; left: -100rem; }
.skip:focus { position: static; }
main:focus { outline: none; }
:focus-visible { outline: 3px solid var(--link); outline-offset: 2px; }
h1 { font-size: 2rem; line-height: 1.2; margin: 0; }
h2 { font-size: 1.125rem; margin: 1.75rem 0 .5rem; }
h3 { font-size: 1rem; margin: 0; }
#verdict {
  display: flex; flex-wrap: wrap; gap: 1rem 2rem; justify-content: space-between; align-items: center;
  padding: 1.25rem 1.5rem; border-radius: .75rem; border: 1px solid currentColor; border-left-width: .75rem;
  background: var(--card); color: var(--quiet);
}
#verdict[data-state=fine] { color: var(--fine); background: var(--fineBack); }
#verdict[data-state=behind] { color: var(--behind); background: var(--behindBack); }
#verdict[data-state=broken] { color: var(--broken); background: var(--brokenBack); }
#verdict > [role=status] { flex: 1 1 24rem; }
#reasons { margin: .4rem 0 0; padding-left: 1.2rem; color: var(--text); overflow-wrap: anywhere; }
#reasons:empty { display: none; }
.doing { color: var(--text); min-width: 13rem; text-align: right; }
#progress { margin-top: .5rem; font-size: .875rem; }
#progress label { display: block; }
progress { width: 100%; height: .75rem; accent-color: var(--link); }
button {
  font: inherit; font-size: .875rem; padding: .3rem .75rem; min-height: 2rem; cursor: pointer;
  color: var(--link); background: var(--card); border: 1px solid currentColor; border-radius: .4rem;
}
button:hover { text-decoration: underline; }
button.main { font-size: 1rem; font-weight: 600; padding: .6rem 1.2rem; color: var(--onMain); background: var(--link);
  border-color: transparent; }
button[aria-disabled=true] { opacity: .55; cursor: progress; }
button.uid { border: 0; padding: 0 .25rem; min-height: 1.5rem; background: none; font-family: ui-monospace, monospace; }
.message { margin: .75rem 0 0; padding: .6rem 1rem; border-radius: .5rem; border: 1px solid currentColor; }
.message:empty { margin: 0; padding: 0; border: 0; }
.message[data-kind=good] { color: var(--fine); background: var(--fineBack); }
.message[data-kind=bad] { color: var(--broken); background: var(--brokenBack); }
.message[data-kind=note] { color: var(--behind); background: var(--behindBack); }
form { display: flex; flex-wrap: wrap; gap: .75rem; align-items: center; margin: 1rem 0; }
form[hidden], #progress[hidden] { display: none; }
input[type=password] { font: inherit; padding: .3rem .5rem; min-width: 18rem; color: inherit; background: var(--card);
  border: 1px solid var(--quiet); border-radius: .4rem; }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(11rem, 1fr)); gap: .75rem; margin: 0; padding: 0;
  list-style: none; }
.tiles > *, .card { background: var(--card); border: 1px solid var(--line); border-radius: .6rem; padding: .7rem 1rem; }
.tiles dt, .tiles h3 { color: var(--quiet); font-size: .875rem; font-weight: 400; }
.tiles dd { margin: 0; }
.tiles .value { font-size: 1.375rem; font-weight: 650; font-variant-numeric: tabular-nums; overflow-wrap: anywhere; }
.tiles .good, .tiles .bad { font-weight: 650; }
.good { color: var(--fine); }
.bad { color: var(--broken); }
.warn { color: var(--behind); }
.tiles p { margin: 0; overflow-wrap: anywhere; }
.card { margin-bottom: .75rem; }
.cardHead { display: flex; flex-wrap: wrap; align-items: center; justify-content: space-between; gap: .5rem 1rem; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-size: .875rem; margin-top: .25rem; position: relative; }
thead th { border-top: 0; }
caption { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
th, td { text-align: left; vertical-align: top; padding: .35rem .75rem .35rem 0; border-top: 1px solid var(--line); }
th { color: var(--quiet); font-weight: 600; white-space: nowrap; }
td.number, th.number { text-align: right; font-variant-numeric: tabular-nums; }
td.act { text-align: right; padding-right: 0; white-space: nowrap; }
td.when, td.code { white-space: nowrap; }
td.code { font-weight: 600; }
td.uids button { display: block; margin-left: -.25rem; white-space: nowrap; }
td.uids button + button { color: var(--quiet); }
td.reason { min-width: 15rem; overflow-wrap: anywhere; }
summary { cursor: pointer; font-weight: 600; }
#charts { display: grid; grid-template-columns: repeat(auto-fit, minmax(20rem, 1fr)); gap: .75rem; }
#charts figure { margin: 0; }
figcaption { color: var(--quiet); font-size: .875rem; }
svg { display: block; width: 100%; height: auto; }
svg text { fill: var(--quiet); font-size: 12px; font-family: inherit; }
svg .grid { stroke: var(--line); stroke-width: 1; }
svg .line { fill: none; stroke: var(--link); stroke-width: 2; stroke-linejoin: round; }
svg .area { fill: var(--link); opacity: .14; }
svg .dot { fill: var(--link); }
svg .dot.stopped { fill: var(--broken); }
.needs { padding: 1rem; border: 1px solid var(--broken); border-radius: .5rem; }
footer { margin-top: 2rem; }
`
