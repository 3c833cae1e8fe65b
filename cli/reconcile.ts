import { Command } from 'commander'
import { type Reconciled, castBetween, describeReconciled, reconcile } from '../lib/composition/reconcile'
import { parseConfirm } from '../lib/requests/requests'
import { type Output, exitCodesHelp, given, operator, parsed, show, withJson } from './operator'

interface Options extends Output {
  readonly dryRun?: true
  readonly confirm?: string
}

/** `dicomcast reconcile`: an archive without a change feed against FHIR, from both sides. */
export const reconcileCommand = (): Command =>
  withJson(new Command('reconcile'))
    .description('compare an archive without a change feed with FHIR, and mend what differs')
    .option('--dry-run', 'only say how many studies would be read or taken out')
    .option('--confirm <number>', 'this many studies may be taken out of FHIR because the archive has them no more')
    .addHelpText('after', exitCodesHelp('not everything could be compared or mended, or a dry run found differences'))
    .action(async (options: Options) => {
      const { confirm, dryRun = false } = options
      const request = parsed(parseConfirm(given({ confirm })), options)
      if (request === undefined) return
      const who = operator()
      const done = await reconcile(who, { dryRun, confirmed: request.confirm, between: castBetween(who) })
      show(done, options, lines(dryRun), exitCode(dryRun))
    })

const lines =
  (dryRun: boolean) =>
  (done: Reconciled): ReadonlyArray<string> => [
    `${dryRun ? 'Dry run' : done.ended}: ${describeReconciled(done)}`,
    `  ${done.dicomRequests} DICOM and ${done.fhirRequests} FHIR requests, ${(done.durationMs / 1000).toFixed(1)} s`,
  ]

const exitCode =
  (dryRun: boolean) =>
  ({ ended, notRead, missing, differing, gone, tooManyGone }: Reconciled): number => {
    if (ended === 'GateClosed') return 4
    if (ended !== 'Done' && ended !== 'TooManyGone' && ended !== 'Stopped') return 3
    const isOpen = notRead + missing + tooManyGone > 0 || ended === 'Stopped'
    return isOpen || (dryRun && differing + gone > 0) ? 1 : 0
  }
