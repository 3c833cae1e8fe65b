import { helpGroups } from '../../lib/composition/help'

const escaped = (text: string): string => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;')

/** What each code, ending and symptom means: it ships with the app, and the script links to it. */
const help = helpGroups
  .map(
    ({ title, entries }) =>
      `<h3>${escaped(title)}</h3>\n<div class="help">\n${[...entries]
        .map(
          ([id, entry]) =>
            `<details id="help-${id}"><summary>${escaped(entry.title)}</summary>` +
            `<p>${escaped(entry.cause)}</p><p class="remedy">${escaped(entry.remedy)}</p></details>`,
        )
        .join('\n')}\n</div>`,
  )
  .join('\n')

const main = `<main id="main" tabindex="-1">
  <section id="verdict" data-state="unknown" aria-labelledby="headline">
    <span class="mark" id="mark" aria-hidden="true">…</span>
    <div role="status">
      <h1 id="headline">Reading the status…</h1>
      <ul id="reasons"></ul>
    </div>
    <div class="doing">
      <button type="button" id="catchUp">Catch up now</button>
      <div id="progress" hidden>
        <label for="bar" id="progressText">Catching up</label>
        <progress id="bar"></progress>
      </div>
    </div>
  </section>
  <p id="message" role="status" class="message" data-kind="none"></p>
  <form id="keyForm" hidden>
    <label for="key">The function app wants a key. Function key</label>
    <input id="key" type="password" autocomplete="off" spellcheck="false">
    <button type="submit">Use it</button>
  </form>
  <section aria-labelledby="factsTitle">
    <h2 id="factsTitle">How it stands</h2>
    <dl id="charts" class="tiles wide"></dl>
    <dl id="facts" class="tiles"></dl>
  </section>
  <section aria-labelledby="healthTitle">
    <h2 id="healthTitle">Services</h2>
    <ul id="health" class="tiles"></ul>
  </section>
  <section id="feed" aria-labelledby="feedTitle">
    <h2 id="feedTitle" tabindex="-1">The feed and its gate</h2>
    <div id="feedCard"></div>
  </section>
  <section id="backfill" aria-labelledby="backfillTitle" hidden>
    <h2 id="backfillTitle" tabindex="-1">Backfill</h2>
    <div id="backfillState"></div>
  </section>
  <section id="identity" aria-labelledby="identityTitle">
    <h2 id="identityTitle" tabindex="-1">Whose images are these?</h2>
    <div id="identityList"></div>
  </section>
  <section id="failures" aria-labelledby="failuresTitle">
    <h2 id="failuresTitle" tabindex="-1">What failed</h2>
    <div id="tables"></div>
  </section>
  <section id="takeOver" aria-labelledby="takeOverTitle" hidden>
    <h2 id="takeOverTitle" tabindex="-1">Taken over from the original</h2>
    <div id="takeOverState"></div>
  </section>
  <section aria-labelledby="runsTitle">
    <h2 id="runsTitle">Last runs</h2>
    <div id="runs"></div>
  </section>
  <section id="help" aria-labelledby="helpTitle">
    <h2 id="helpTitle">What it means, and what to do</h2>
    ${help}
  </section>
</main>`

/** The page without facts: the script fills it in. */
export const pageOf = (style: string, script: string): string => `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>DICOMcast</title>
<link rel="icon" href="data:,">
<style>${style}</style>
</head>
<body>
<a class="skip" href="#main">Skip to what needs doing</a>
<header>
  <p class="brand">DICOMcast <span class="quiet" id="route"></span></p>
  <p class="quiet" id="read">Reading…</p>
  <label class="quiet"><input type="checkbox" id="auto" checked> Refresh every 30 s</label>
  <button type="button" id="refresh">Refresh now</button>
</header>
<noscript><p class="needs">This page needs JavaScript. <code>dicomcast status</code> tells the same.</p></noscript>
${main}
<footer class="quiet">
  <span id="version">DICOMcast</span>. No patient data is on this page: UIDs, codes and counts.
</footer>
<script>${script}</script>
</body>
</html>
`
