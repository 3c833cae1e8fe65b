import { verifyOne } from '../lib/composition/studies'
import { parseStudy } from '../lib/requests/requests'
import { answer, queryOf, refuse, route } from './http'

route('verify', {
  verb: 'GET',
  path: 'verify',
  handle: async (request, operator) => {
    const query = parseStudy(queryOf(request))
    return query._tag === 'Left' ? refuse(query.left) : answer(await verifyOne(operator, query.right))
  },
})
