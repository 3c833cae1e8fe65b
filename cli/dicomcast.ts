#!/usr/bin/env node
import './node-version'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Command } from 'commander'
import { backfillCommand } from './backfill'
import { castCommand } from './cast'
import { checkCommand } from './check'
import { checkpointCommand } from './checkpoint'
import { completionCommand } from './completion'
import { failuresCommand } from './failures'
import { localCommand } from './local'
import { pauseCommand, resumeCommand } from './pause'
import { previewCommand } from './preview'
import { acceptCommand } from './accept'
import { reconcileCommand } from './reconcile'
import { renameServiceCommand } from './rename-service'
import { replayCommand } from './replay'
import { resyncCommand } from './resync'
import { serveCommand } from './serve'
import { UnreadableSettings } from './settings'
import { statusCommand } from './status'
import { takeOverCommand } from './take-over'
import { verifyCommand } from './verify'
import { workCommand } from './work'

const { version } = JSON.parse(readFileSync(join(__dirname, '..', '..', 'package.json'), 'utf8')) as { version: string }

const program = new Command('dicomcast')
  .description('Keeps a FHIR R4 server in step with a DICOM service.')
  .version(version)
  .addCommand(castCommand())
  .addCommand(serveCommand())
  .addCommand(checkCommand())
  .addCommand(statusCommand())
  .addCommand(failuresCommand())
  .addCommand(replayCommand())
  .addCommand(acceptCommand())
  .addCommand(resyncCommand())
  .addCommand(verifyCommand())
  .addCommand(reconcileCommand())
  .addCommand(previewCommand())
  .addCommand(checkpointCommand())
  .addCommand(pauseCommand())
  .addCommand(resumeCommand())
  .addCommand(renameServiceCommand())
  .addCommand(takeOverCommand())
  .addCommand(backfillCommand())
  .addCommand(workCommand())
  .addCommand(localCommand())
  .addCommand(completionCommand())

// Usage errors exit 2, as everywhere: 1 is kept for a run that failed. Commander has 1 for both.
const family = (command: Command): Command[] => [command, ...command.commands.flatMap(family)]
for (const command of family(program)) {
  command.exitOverride(({ exitCode }) => process.exit(exitCode === 0 ? 0 : 2))
}

/** EX_SOFTWARE of sysexits.h: 1 tells of failures and differences, and this is neither. */
const unexpected = 70

// Node's own message names the folders of whoever installed it.
const withoutLocal =
  'a package is missing. The local services have packages of their own: install the command without --omit=peer.'

program.parseAsync().catch((error: NodeJS.ErrnoException) => {
  console.error(`dicomcast: ${error.code === 'MODULE_NOT_FOUND' ? withoutLocal : error.message}`)
  process.exit(error instanceof UnreadableSettings ? 2 : unexpected)
})
