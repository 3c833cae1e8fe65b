// Imported before anything else: the packages fail on an older Node with a stack trace that tells nobody why.
const [major = 0] = process.versions.node.split('.').map(Number)
if (major < 22) {
  console.error(
    `dicomcast needs Node.js 22 or newer; this is ${process.versions.node}. In this folder, npm scripts bring their own: npm run cast -- …`,
  )
  process.exit(1)
}
