import { join, resolve } from 'node:path'
import { Command } from 'commander'
import { defaultPorts, parseKeep, parsePort, parseUrl, serve, storeLine } from './local-service'
import { stackCommand } from './local-stack'

// The local services need packages that may be missing (`npm install --omit=peer`): each is loaded when it is started.

export const localCommand = (): Command =>
  new Command('local')
    .description('services to try DICOMcast with on this machine (not for production)')
    .addCommand(dicomCommand())
    .addCommand(fhirCommand())
    .addCommand(functionsCommand())
    .addCommand(stackCommand())

const serviceCommand = (name: 'dicom' | 'fhir' | 'functions', description: string): Command =>
  new Command(name)
    .description(description)
    .option('--port <number>', 'port to listen on; 0 takes a free one', parsePort, defaultPorts[name])

const keepOption = [
  '--keep <file>',
  'file that keeps the state between starts (default: in memory)',
  parseKeep,
] as const
interface ServiceOptions {
  readonly port: number
  readonly keep?: string
}

const dicomCommand = (): Command =>
  serviceCommand('dicom', 'a DICOM service: STOW-RS, change feed, metadata, delete, bulk update')
    .option(...keepOption)
    .option(
      '--events <url>',
      'a webhook such as http://127.0.0.1:7071/api/wake, told of each change as by Event Grid',
      parseUrl,
    )
    .action(async ({ port, keep, events }: ServiceOptions & { readonly events?: string }) => {
      const { startDicomService } = await import('../local/dicom/service.js')
      const service = await startDicomService({
        port,
        ...(keep === undefined ? {} : { stateFile: keep }),
        ...(events === undefined ? {} : { events }),
      })
      await serve('DICOM service', service, [
        storeLine(service.url),
        `curl "${service.url}/v1/changefeed?offset=0&limit=10&includeMetadata=false"`,
        `curl ${service.url}/v1/changefeed/latest`,
      ])
    })

const fhirCommand = (): Command =>
  serviceCommand('fhir', 'a FHIR R4 service: strict validation, atomic transactions')
    .option(...keepOption)
    .action(async ({ port, keep }: ServiceOptions) => {
      const { startFhirService } = await import('../local/fhir/service.js')
      const service = await startFhirService({ port, ...(keep === undefined ? {} : { stateFile: keep }) })
      await serve('FHIR service', service, [
        `curl ${service.url}/metadata`,
        `curl "${service.url}/ImagingStudy?_count=10"`,
        `curl "${service.url}/Patient?_count=10"`,
      ])
    })

const functionsCommand = (): Command =>
  serviceCommand('functions', 'the compiled function app, on its schedule and under /api (instead of "func start")')
    .option('--root <folder>', "folder with the app's package.json", join(__dirname, '..', '..'))
    .addHelpText('after', '\nSettings come from the environment, then from local.settings.json in that folder.')
    .action(async ({ port, root }: { readonly port: number; readonly root: string }) => {
      const { loadLocalSettings, runAppHost } = await import('../local/functions-host/app-host.js')
      loadLocalSettings(resolve(root))
      const host = await runAppHost(resolve(root), port, ({ functionName, level, category, message }) => {
        console.log(`${level} ${functionName ?? category}: ${message}`)
      })
      await serve('Functions host', host, [
        ...host.functions,
        `curl -X POST ${host.url}/admin/functions/castTimer   (fires a timer now)`,
      ])
    })
