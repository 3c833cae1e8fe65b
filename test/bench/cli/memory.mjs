// Loaded before the app: tells its memory on the last line of stderr, when it ends.
const samples = []
setInterval(() => samples.push(process.memoryUsage.rss()), 100).unref()
process.once('exit', () => {
  const { maxRSS, userCPUTime, systemCPUTime } = process.resourceUsage()
  const memory = { maxRss: maxRSS * 1024, samples, cpuMs: (userCPUTime + systemCPUTime) / 1000 }
  process.stderr.write(`${JSON.stringify(memory)}\n`)
})
