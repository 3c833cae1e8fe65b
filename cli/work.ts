import { Command } from 'commander'
import { type Working, work } from '../lib/composition/work'
import { type Output, exitCodesHelp, operator, show, withJson, write } from './operator'
import { plural } from './text-table'

/** `dicomcast work`: a worker of a backfill outside Azure. */
export const workCommand = (): Command =>
  withJson(new Command('work'))
    .description('work on the backfill that is there, until it is over: as many processes as there are lanes')
    .addHelpText(
      'after',
      `
Each process takes one part at a time from the queue. Ctrl-C or SIGTERM ends it after the studies in hand; what is
left of the part is on the queue again.
${exitCodesHelp('it was ended before the backfill was over')}`,
    )
    .action(async (output: Output) => {
      const tell = (line: string): void => {
        if (output.json !== true) write(line)
      }
      show(await work(operator(), tell), output, lines, ({ isOver }) => (isOver ? 0 : 1))
    })

const lines = ({ isOver, parts, images }: Working): ReadonlyArray<string> => [
  `${isOver ? 'The backfill is over' : 'Ended'}; worked here on ${plural(parts, 'part')} with ${plural(images, 'image', 'images')}.`,
]
