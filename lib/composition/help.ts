import type { FailureCode } from '../app/ports-operator'
import type { Ended } from '../app/run/summary'

// What an operator reads at three in the morning: the page shows it, and docs/operations.md holds the same words (a test
// compares them). The compiler misses a code or an ending that has no entry.

export interface HelpEntry {
  readonly title: string
  readonly cause: string
  readonly remedy: string
}

type Words = readonly [cause: string, remedy: string]

const codes: Readonly<Record<FailureCode, Words>> = {
  EntryMalformed: [
    'The entry of the change feed, or the metadata of its instance, cannot be read.',
    'Store the instance again in the DICOM service: its new entry takes the row away. Or replay it when the service can read it.',
  ],
  TagsRejected: [
    'A tag that is required is missing or invalid, or validation is enforced and any tag is.',
    'Correct the instance in the DICOM service: its new entry is cast and takes the row away.',
  ],
  PatientMismatch: [
    'The image names another patient than the rest of its study: it was filed in the wrong study, or its PatientID was mistyped. It stands in nobody’s record.',
    'Delete or correct it in the DICOM service; the new entry takes the row away, or brings the others in when they were the wrong ones.',
  ],
  Rejected: [
    'The archive has withdrawn the instance by a rejection note (IHE IOCM); that is no failure.',
    'Nothing. When the note is deleted, the instance comes back by itself.',
  ],
  IssuerUnknown: [
    'The issuer of the PatientID is neither in Patient__IssuerSystems nor an absolute URI.',
    'Add the issuer to Patient__IssuerSystems, or the partition (* for all others) to Patient__PartitionSystems, restart, and replay with --code IssuerUnknown.',
  ],
  DemographicsConflict: [
    'Birth date and family name, or birth date and sex, are not those of the Patient that has this PatientID: two people have one number.',
    'Correct the PatientID in the DICOM service, or the Patient in FHIR; then replay.',
  ],
  PatientAmbiguous: [
    'More than one Patient in FHIR has this identifier, or the server takes two spellings for one.',
    'Merge them in FHIR (link.type replaced-by on the one that goes), or correct one of them; then replay.',
  ],
  PatientInactive: [
    'The Patient is inactive or merged, and its link leads to no live one.',
    'Correct the link in FHIR, then replay.',
  ],
  FhirRejected: [
    'FHIR refuses it for good. The row tells the status, the kind of issue and the element.',
    'Correct what the element comes from in the DICOM service, or make FHIR take it; then replay.',
  ],
  OutlastedRetries: [
    'It failed alone, for longer than RetryConfiguration__TotalRetryDuration, while comparable requests succeeded.',
    'Find out what is special about it at the service that the row names (too large, too slow), then replay.',
  ],
  TagMissing: [
    'The instance is in FHIR without an element: a tag that it comes from is missing.',
    'Nothing has to be done. Correct the instance in the DICOM service when the element matters.',
  ],
  TagInvalid: [
    'The instance is in FHIR without an element: the value of the tag is not what DICOM allows.',
    'Nothing has to be done. Correct the instance in the DICOM service when the element matters.',
  ],
  TagUnmappable: [
    'The instance is in FHIR without an element: the value is legal in DICOM, and FHIR has no form for it.',
    'Nothing has to be done.',
  ],
  Retrying: [
    'The checkpoint stands still here: a service ends each run. The row tells which, since when and how often.',
    'Look at that service. The row goes with the first cast that succeeds.',
  ],
}

const endings: Readonly<Record<Ended, Words>> = {
  CaughtUp: ['Everything up to the head of the feed is settled.', 'Nothing has to be done.'],
  BatchDone: [
    'It took as many batches as it may, and there is more.',
    'The next tick goes on. When the lag grows, catch up, and raise DicomCast__TimerBatches.',
  ],
  OutOfTime: [
    'Its time was used up, and there is more.',
    'The next tick goes on. When each ends so, look at the milliseconds of each service in the status.',
  ],
  WaitingForHoles: [
    'The feed has 500 holes that are still waited for, and another one is met: an entry may come late, and must not be skipped.',
    'Wait: it goes on by itself as rows come, or when the holes are older than DicomCast__HoleAge. To press again helps nothing.',
  ],
  Stopped: ['A person or the host ended it after the batch in hand.', 'Nothing has to be done: the next run goes on.'],
  ServiceUnavailable: [
    'A service did not answer, or not with what was asked for, for as long as the run had. The reason names it.',
    'Nothing is lost while it lasts. A 429 or 503 passes by itself; a 404 is a wrong URL; else look at that service.',
  ],
  AccessDenied: [
    'A service refuses the identity: 401 is the token (its scope), 403 is a role that is missing.',
    'Give the identity the role, or correct the setting, that the reason names. A new role takes minutes to work.',
  ],
  FeedReset: [
    'The change feed is not the one that the checkpoint belongs to: the DICOM service was restored or replaced.',
    'Follow “Restoring a DICOM service” in docs/operations.md: move the checkpoint to what both feeds share, then verify and repair. Of an archive without a change feed: to 0, then reconcile.',
  ],
  FhirRejectsAll: [
    'FHIR refused 20 different studies in a row and took none: a profile was switched on, or the URL is another server’s. The reason lists the studies with their entries, statuses and elements.',
    'Mend the server; the next run goes on. If those studies are at fault, move the checkpoint past them: it prints the line that finds them again.',
  ],
  CheckpointMoved: [
    'Somebody else moved the checkpoint meanwhile: another run, or an operator. Nothing was lost.',
    'Nothing has to be done once. When it comes again and again, two apps cast the same feed: stop one.',
  ],
  LeaseLost: [
    'The run could not renew its lease in time: its own process was blocked or asleep (then the reason has the seconds), storage was away, or somebody broke it.',
    'Nothing has to be done: the next run goes on. When it comes often, look at storage and at the memory of the app.',
  ],
  GateClosed: [
    'The whole installation is paused, or does something else meanwhile. The reason says what.',
    'Nothing has to be done when that is meant; the reason names the command that lets it go on. To pause: dicomcast pause.',
  ],
  LeaseHeld: [
    'Another run is at work. A run that died lets go within a minute.',
    'Wait and repeat. The status tells which run it is, and for how long.',
  ],
  ConfigurationInvalid: [
    'A setting is missing or cannot be read, or the row of the checkpoint cannot. Or DicomWeb__Endpoint names another DICOM service than the one that the checkpoint belongs to.',
    'Correct every setting that the reason names. For the checkpoint the reason tells the etag to move it with; for another name of the same service the command: dicomcast rename-service.',
  ],
}

const operatorEndings = {
  Done: ['What an operator asked for was done.', 'Nothing has to be done.'],
} as const satisfies Readonly<Record<string, Words>>

const symptoms = {
  timer: [
    'The timer does not run',
    'CastSchedule is not set, is no cron expression of six fields, or never fires: the host then starts no timer, while all else answers. Or the app is stopped, or its host restarts again and again.',
    'Set CastSchedule (0 * * * * * is once a minute) and restart; look at the log stream of the app for “castTimer”. If cron or a container casts instead now, delete the row Heartbeat of RunHistoryTable: nobody is waited for then.',
  ],
  paused: [
    'It is paused',
    'AzureWebJobs.castTimer.Disabled is true: somebody stopped the timer. Or the whole installation was paused. Nothing is lost, the feed keeps all entries.',
    'Set it to false, or remove it, and restart; or let all go on with dicomcast resume. Then catch up. A catch-up works while only the timer is stopped.',
  ],
  lag: [
    'FHIR is behind, and the lag grows',
    'More comes in than a tick takes, or a service is slow.',
    'Catch up once. When runs end BatchDone, raise DicomCast__TimerBatches (0: until caught up); when they end OutOfTime, look at the milliseconds of each service.',
  ],
  lease: [
    'The lease is held for long',
    'A catch-up of a large backlog is at work, or a process that hangs goes on renewing it.',
    'Ask whoever the run history names. If nobody is at work, restart the app, or break the lease of the blob cast-lease in the container dicomcast: that does no harm at any time.',
  ],
  dicom: [
    'The DICOM service does not do its work',
    'It is down, or its address or version is wrong. “Nothing is at … though the change feed has live images”: DicomWeb__Version is wrong, or a proxy hides the route.',
    'Ask the address in a browser or with curl from where the app runs; correct DicomWeb__Endpoint, DicomWeb__PrivateEndpoint or DicomWeb__Version. The checkpoint waits.',
  ],
  fhir: [
    'The FHIR service does not do its work',
    '/metadata is no CapabilityStatement of FHIR R4 with transactions: another kind of server, another version, or nothing at that path.',
    'Correct Fhir__Endpoint: on Azure {workspace}-{service}.fhir.azurehealthcareapis.com, elsewhere with the path of the base.',
  ],
  identity: [
    'There is no token, or no password, for a service',
    'The identity provider is away or refuses us, or a file that we need for it cannot be read. The reason names the setting. No entry is at fault, and none is recorded.',
    'One that is away comes back by itself. Else correct the setting that the reason names; docs/access.md has them all.',
  ],
  storage: [
    'Storage cannot be read',
    'The account is away, its firewall or a missing role keeps the app out, or a key was changed. What stands in it is unknown then, and shown so.',
    'Restore access (roles: Storage Blob Data Owner and Storage Table Data Contributor). No run begins without the lease, so nothing is written meanwhile.',
  ],
  storageLost: [
    'Storage was lost, or restored to an earlier time',
    'The checkpoint is gone, or older than what was cast.',
    'Let it run: without a checkpoint it begins at DicomCast__StartFrom and casts all again, which changes nothing that is right and brings the rows back. With DicomCast__StartFrom=now move the checkpoint by hand, then verify --all --repair.',
  ],
  hostName: [
    'The DICOM service got another host name',
    'DicomWeb__Endpoint stands in FHIR (Endpoint.address) and says which studies are ours: under another one nobody casts.',
    'Leave DicomWeb__Endpoint as it is and set DicomWeb__PrivateEndpoint to the new address. If the old name must go, set the new one and run dicomcast rename-service --from the old URL: see “Renaming the DICOM service” in docs/operations.md.',
  ],
  nextLink: [
    '“Its link to the next page leads away from Fhir__Endpoint”',
    'The FHIR server stands behind a proxy and tells its own inner address in its links; the token must not go there, so they are not followed.',
    'Tell the server its public address (HAPI: server_address; others: X-Forwarded-Host and -Proto of the proxy), or set Fhir__LinkOrigins to the address in its links.',
  ],
  proxy: [
    'The way out leads through a proxy',
    'HTTP_PROXY, HTTPS_PROXY and NO_PROXY hold for every connection: both services, the identity provider and storage.',
    'Set them for the process, and NO_PROXY for what is reached directly (localhost,127.0.0.1 with a server on the same machine).',
  ],
  unexpected: [
    'A command ends with 70, or a route answers 500 Unexpected',
    'A fault of this program.',
    'Repeat it: all of it is safe to repeat. When it stays, report it with its version and the lines of that run id; they hold no patient data.',
  ],
} as const satisfies Readonly<Record<string, readonly [title: string, ...Words]>>

/** By the id that the page links to. */
const entriesOf = (words: Readonly<Record<string, Words>>): ReadonlyMap<string, HelpEntry> =>
  new Map(Object.entries(words).map(([title, [cause, remedy]]) => [title, { title, cause, remedy }]))

export const helpGroups: ReadonlyArray<{ readonly title: string; readonly entries: ReadonlyMap<string, HelpEntry> }> = [
  {
    title: 'Symptoms',
    entries: new Map(Object.entries(symptoms).map(([id, [title, cause, remedy]]) => [id, { title, cause, remedy }])),
  },
  { title: 'How a run ended', entries: entriesOf({ ...endings, ...operatorEndings }) },
  { title: 'Codes of the error tables', entries: entriesOf(codes) },
]

/** The chapter of docs/operations.md. */
export const helpMarkdown = (): string =>
  helpGroups
    .map(({ title, entries }) =>
      [
        `### ${title}\n`,
        '| | cause | remedy |\n|---|---|---|',
        ...[...entries].map(([id, entry]) => {
          const name = id === entry.title ? `\`${id}\`` : entry.title
          return `| <a id="help-${id.toLowerCase()}"></a>${name} | ${entry.cause} | ${entry.remedy} |`
        }),
      ].join('\n'),
    )
    .join('\n\n') + '\n'
