// Loaded before the app: tells its memory on the last line of stderr, when it ends.
'use strict'
const samples = []
setInterval(() => samples.push(process.memoryUsage.rss()), 100).unref()
process.once('exit', () => {
  process.stderr.write(`${JSON.stringify({ maxRss: process.resourceUsage().maxRSS * 1024, samples })}\n`)
})
