import { Command } from 'commander'
import { type Working, work } from '../lib/composition/work'
import { parseWork } from '../lib/requests/backfill'
import { type Output, exitCodesHelp, given, operator, parsed, show, withJson, write } from './operator'
import { plural } from './text-table'

/** `dicomcast work`: a worker of a backfill outside Azure. */
export const workCommand = (): Command =>
  withJson(new Command('work'))
    .description('work on the backfill that is there, until it is over: as many processes as there are lanes')
    .option('--at-once <n>', 'parts that this process works on at once (1 to 64, default 1), each of another lane')
    .addHelpText(
      'after',
      `
More parts at once take more memory: what each of them reads is held. Ctrl-C or SIGTERM ends it after the studies in hand; what is
left of the part is on the queue again.
${exitCodesHelp('it was ended before the backfill was over')}`,
    )
    .action(async ({ atOnce, ...output }: Output & { readonly atOnce?: string }) => {
      const parts = parsed(parseWork(given({ atOnce })), output)
      if (parts === undefined) return
      const tell = (line: string): void => {
        if (output.json !== true) write(line)
      }
      show(await work(operator(), tell, parts), output, lines, ({ isOver }) => (isOver ? 0 : 1))
    })

const lines = ({ isOver, parts, images }: Working): ReadonlyArray<string> => [
  `${isOver ? 'The backfill is over' : 'Ended'}; worked here on ${plural(parts, 'part')} with ${plural(images, 'image', 'images')}.`,
]
