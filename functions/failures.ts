import { failure, failures } from '../lib/composition/failures'
import { parseFailuresUrl, parseRow, parseTable } from '../lib/requests/requests'
import { answer, hasKeyInHeader, notFound, queryOf, refuse, route } from './http'

route('failures', {
  verb: 'GET',
  path: 'failures/{table}',
  handle: async (request, operator) => {
    const table = parseTable(request.params['table'] ?? '')
    if (table._tag === 'Left') return notFound(table.left)
    const code = request.query.get('code') ?? undefined
    const query = parseFailuresUrl(queryOf(request), code, hasKeyInHeader(request))
    return query._tag === 'Left' ? refuse(query.left) : answer(await failures(operator, table.right, query.right))
  },
})

route('failure', {
  verb: 'GET',
  path: 'failures/{table}/{row}',
  handle: async (request, operator) => {
    const table = parseTable(request.params['table'] ?? '')
    if (table._tag === 'Left') return notFound(table.left)
    const row = parseRow(request.params['row'] ?? '')
    return row._tag === 'Left' ? refuse(row.left) : answer(await failure(operator, table.right, row.right))
  },
})
