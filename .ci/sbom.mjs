// What the function app is made of, as CycloneDX: every package that the lock installs with it, direct or not. From the
// lock, and not by `npm sbom`: that leaves out, with `--omit dev`, what a development tool needs as well.
import { Buffer } from 'node:buffer'
import { createHash } from 'node:crypto'

const purl = (name, version) => `pkg:npm/${name.replace('@', '%40')}@${version}`

/** Where Node finds a package that another one asks for: beside it, or further up. */
const resolve = (packages, from, name) => {
  for (let folder = from; ; folder = folder.slice(0, Math.max(folder.lastIndexOf('/node_modules/'), 0))) {
    const place = `${folder === '' ? '' : `${folder}/`}node_modules/${name}`
    if (place in packages) return place
    if (folder === '') return undefined
  }
}

/** Each package that is reached from the root's dependencies, with what it asks for itself. */
const reached = (packages) => {
  const found = new Map()
  const waiting = ['']
  for (let place = waiting.pop(); place !== undefined; place = waiting.pop()) {
    if (found.has(place)) continue
    // An optional peer counts where it is installed: the bundler finds it there, too (debug asks so for supports-color).
    const { dependencies, optionalDependencies, peerDependencies, peerDependenciesMeta } = packages[place]
    const wanted = Object.keys({
      ...dependencies,
      ...optionalDependencies,
      // Those of the root are for its local services, which no deployed app has.
      ...(place === '' ? {} : peerDependencies),
      ...peerDependenciesMeta,
    })
    const places = wanted.flatMap((name) => resolve(packages, place, name) ?? [])
    found.set(place, places)
    waiting.push(...places)
  }
  return found
}

const hash = (integrity) => {
  const [algorithm, value] = integrity.split('-')
  return {
    alg: algorithm.replace('sha', 'SHA-'),
    content: Buffer.from(value, 'base64').toString('hex'),
  }
}

/** The same lock makes the same text: no time of day, and a serial number that comes from the content. */
export const sbom = ({ packages }) => {
  const { name: appName, version: appVersion, license: appLicense } = packages['']
  const nameOf = (place) => place.slice(place.lastIndexOf('node_modules/') + 'node_modules/'.length)
  const ref = (place) => (place === '' ? purl(appName, appVersion) : purl(nameOf(place), packages[place].version))
  const found = [...reached(packages)].sort(([a], [b]) => (a < b ? -1 : 1))
  const component = ([place]) => {
    const { version, license, integrity, resolved } = packages[place]
    return {
      type: 'library',
      'bom-ref': ref(place),
      name: nameOf(place),
      version,
      purl: ref(place),
      ...(license === undefined ? {} : { licenses: [{ expression: license }] }),
      ...(integrity === undefined ? {} : { hashes: [hash(integrity)] }),
      ...(resolved === undefined ? {} : { externalReferences: [{ type: 'distribution', url: resolved }] }),
    }
  }
  // Two places may hold one version.
  const once = (all, key) => [...new Map(all.map((each) => [key(each), each])).values()]
  const content = {
    metadata: {
      component: {
        type: 'application',
        'bom-ref': ref(''),
        name: appName,
        version: appVersion,
        purl: ref(''),
        licenses: [{ expression: appLicense }],
      },
    },
    components: once(found.filter(([place]) => place !== '').map(component), (each) => each['bom-ref']),
    dependencies: once(
      found.map(([place, places]) => ({ ref: ref(place), dependsOn: [...new Set(places.map(ref))].sort() })),
      (each) => each.ref,
    ),
  }
  const digest = createHash('sha256').update(JSON.stringify(content)).digest('hex')
  const serial = `${digest.slice(0, 8)}-${digest.slice(8, 12)}-5${digest.slice(13, 16)}-8${digest.slice(17, 20)}-${digest.slice(20, 32)}`
  return { bomFormat: 'CycloneDX', specVersion: '1.6', serialNumber: `urn:uuid:${serial}`, version: 1, ...content }
}
