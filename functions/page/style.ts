/** Green, amber and red never stand alone: words say the same. Contrast of text is 4.5 : 1 or better in both schemes. */
export const style = `
:root {
  color-scheme: light dark;
  --page: #f5f6f8; --card: #ffffff; --text: #16191d; --quiet: #545c66; --line: #dde1e7; --link: #0b57b0;
  --fine: #11632f; --fineBack: #e8f6ec; --behind: #7a4a00; --behindBack: #fdf3dc;
  --broken: #a11219; --brokenBack: #fdeaea; --onMain: #ffffff;
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #101317; --card: #191d23; --text: #e2e6eb; --quiet: #a3adb8; --line: #2b323b; --link: #7db5ff;
    --fine: #7fdc9b; --fineBack: #12261a; --behind: #f3c25f; --behindBack: #2a210d;
    --broken: #ff9a98; --brokenBack: #331517; --onMain: #0c1420;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0 auto; padding: 0 1.25rem 2rem; max-width: 76rem; background: var(--page); color: var(--text);
  font: 1rem/1.45 system-ui, -apple-system, 'Segoe UI', 'Open Sans', 'DejaVu Sans', sans-serif;
}
header { display: flex; flex-wrap: wrap; align-items: center; gap: .5rem 1.25rem; padding: .75rem 0; }
header p { margin: 0; }
header label { display: flex; align-items: center; gap: .4rem; }
.brand { font-weight: 700; margin-right: auto !important; overflow-wrap: anywhere; }
.brand span { display: block; font-weight: 400; }
.quiet { color: var(--quiet); font-size: .875rem; }
.skip { position: absolute; left: -100rem; }
.skip:focus { position: static; }
main:focus { outline: none; }
:focus-visible { outline: 3px solid var(--link); outline-offset: 2px; }
h1 { font-size: 1.875rem; line-height: 1.2; margin: 0; }
h2 { font-size: 1.0625rem; margin: 1.75rem 0 .6rem; }
h3 { font-size: 1rem; margin: 0; }
#verdict {
  display: flex; flex-wrap: wrap; gap: 1rem 1.25rem; align-items: center; padding: 1.25rem 1.5rem; border-radius: .75rem;
  border: 1px solid var(--line); background: var(--card); color: var(--quiet);
}
#verdict[data-state=fine] { color: var(--fine); background: var(--fineBack); }
#verdict[data-state=behind], #verdict[data-state=paused] { color: var(--behind); background: var(--behindBack); }
#verdict[data-state=broken] { color: var(--broken); background: var(--brokenBack); }
.mark {
  flex: none; display: grid; place-items: center; width: 2.5rem; height: 2.5rem;
  border: .2rem solid currentColor; border-radius: 50%; font-size: 1.25rem; font-weight: 800; line-height: 1;
}
#verdict > [role=status] { flex: 1 1 12rem; min-width: 0; }
#reasons { margin: .4rem 0 0; padding: 0; list-style: none; color: var(--text); overflow-wrap: anywhere; }
#reasons li { margin-top: .2rem; white-space: pre-line; }
#reasons:empty { display: none; }
.doing { color: var(--text); min-width: 12rem; text-align: right; }
#progress { margin-top: .5rem; font-size: .875rem; }
#progress label { display: block; }
progress { width: 100%; height: .75rem; accent-color: var(--link); }
button {
  font: inherit; font-size: .875rem; padding: .3rem .75rem; min-height: 2rem; cursor: pointer;
  color: var(--link); background: var(--card); border: 1px solid currentColor; border-radius: .4rem;
}
a { color: var(--link); }
td .message { margin-top: .4rem; white-space: normal; text-align: left; min-width: 12rem; }
button:hover { text-decoration: underline; }
#catchUp { font-size: 1rem; font-weight: 600; padding: .6rem 1.2rem; }
button.main { color: var(--onMain); background: var(--link); border-color: transparent; }
button[aria-disabled=true] { opacity: .55; cursor: progress; text-decoration: none; }
button.uid { border: 0; padding: 0 .25rem; min-height: 1.5rem; background: none; font-family: ui-monospace, monospace; }
.message { margin: .75rem 0 0; padding: .6rem 1rem; border-radius: .5rem; border: 1px solid currentColor;
  overflow-wrap: anywhere; }
.message:empty { margin: 0; padding: 0; border: 0; }
.message[data-kind=good] { color: var(--fine); background: var(--fineBack); }
.message[data-kind=bad] { color: var(--broken); background: var(--brokenBack); }
.message[data-kind=note] { color: var(--behind); background: var(--behindBack); }
form { display: flex; flex-wrap: wrap; gap: .75rem; align-items: center; margin: 1rem 0; }
form[hidden], #progress[hidden] { display: none; }
input[type=password] { font: inherit; padding: .3rem .5rem; min-width: 15rem; color: inherit; background: var(--card);
  border: 1px solid var(--quiet); border-radius: .4rem; }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(9.5rem, 1fr)); gap: .75rem; margin: 0 0 .75rem;
  padding: 0; list-style: none; }
.tiles.wide { grid-template-columns: repeat(auto-fit, minmax(min(100%, 20rem), 1fr)); }
.tiles:empty { display: none; }
.tiles > *, .card { background: var(--card); border: 1px solid var(--line); border-radius: .6rem; padding: .7rem 1rem;
  min-width: 0; }
.tiles dt, .tiles h3 { color: var(--quiet); font-size: .875rem; font-weight: 400; }
.tiles dd { margin: 0; }
.tiles .value { font-size: 1.375rem; font-weight: 650; font-variant-numeric: tabular-nums; overflow-wrap: anywhere; }
.tiles .value .quiet { font-size: .875rem; font-weight: 400; }
.tiles .good, .tiles .bad { font-weight: 650; }
.quietly { color: var(--quiet); font-weight: 400 !important; }
.good { color: var(--fine); }
.bad { color: var(--broken); }
.warn { color: var(--behind); }
.tiles p { margin: 0; overflow-wrap: anywhere; }
#health { grid-template-columns: repeat(auto-fit, minmax(min(100%, 16rem), 1fr)); }
.card { margin-bottom: .75rem; }
.unknown { color: var(--quiet); background: none; border-style: dashed; }
.counts { margin: 0 0 .4rem; }
p.reason { white-space: pre-line; overflow-wrap: anywhere; }
body[data-old] main > section:not(#verdict) { filter: grayscale(1); }
body[data-old] main > section:not(#verdict) > * { border-left: .25rem solid var(--quiet); padding-left: .75rem; }
body[data-old] #read { font-weight: 700; }
.cardHead { display: flex; flex-wrap: wrap; align-items: center; justify-content: space-between; gap: .5rem 1rem; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-size: .875rem; margin-top: .25rem; position: relative; }
caption { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
th, td { text-align: left; vertical-align: top; padding: .4rem .75rem .4rem 0; }
td { border-top: 1px solid var(--line); }
th { color: var(--quiet); font-weight: 600; white-space: nowrap; }
td.number, th.number { text-align: right; font-variant-numeric: tabular-nums; }
td.act, th.act { text-align: right; padding-right: 0; white-space: nowrap; }
td.when, td.code { white-space: nowrap; font-variant-numeric: tabular-nums; }
td.code { font-weight: 600; }
td.uids button { display: block; margin-left: -.25rem; white-space: nowrap; }
td.uids button + button { color: var(--quiet); }
td.reason { min-width: 15rem; overflow-wrap: anywhere; }
.help { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 22rem), 1fr)); gap: .4rem .75rem;
  margin: .4rem 0 1rem; align-items: start; }
.help details { background: var(--card); border: 1px solid var(--line); border-radius: .4rem; padding: .35rem .75rem; }
.help details:target { border-color: var(--link); }
.help p { margin: .4rem 0 0; font-size: .875rem; overflow-wrap: anywhere; }
.help summary { font-size: .875rem; overflow-wrap: anywhere; }
summary { cursor: pointer; font-weight: 600; }
details > summary + * { margin-top: .5rem; }
#runs details { margin-top: .6rem; }
@media (max-width: 54rem) {
  body { padding: 0 .75rem 1.5rem; }
  h1 { font-size: 1.5rem; }
  .doing { flex: 1 1 100%; text-align: left; }
  #catchUp { width: 100%; }
  table, tbody, tr, td { display: block; }
  thead { display: none; }
  tr { display: flex; flex-wrap: wrap; gap: .15rem 1rem; padding: .7rem 0; border-top: 1px solid var(--line); }
  td, td.number, td.act { border: 0; padding: 0; text-align: left; min-width: 0; }
  td::before { content: attr(data-head) ' '; color: var(--quiet); }
  td.code::before, td.reason::before, td.uids::before, td.act::before { content: none; }
  td.reason, td.uids, td.act { flex: 1 1 100%; }
  td.act { padding-top: .3rem; }
  td.code, td.bad { order: -1; }
  td:empty { display: none; }
}
.scale { line-height: 1.2; margin-top: .2rem; }
.axis { display: flex; justify-content: space-between; line-height: 1.2; }
svg { display: block; width: 100%; height: 5.5rem; overflow: visible; }
svg * { vector-effect: non-scaling-stroke; fill: none; }
svg .grid { stroke: var(--line); stroke-width: 1; }
svg .line { stroke: var(--link); stroke-width: 2; stroke-linejoin: round; }
svg .area { fill: var(--link); opacity: .13; }
svg .dot { stroke: var(--link); stroke-width: 5; stroke-linecap: round; }
svg .dot.stopped { stroke: var(--broken); stroke-width: 9; }
.needs { padding: 1rem; border: 1px solid var(--broken); border-radius: .5rem; }
footer { margin-top: 2rem; }
`
