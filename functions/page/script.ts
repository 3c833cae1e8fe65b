import { actions } from './script-actions'
import { backfillViews } from './script-backfill'
import { charts } from './script-charts'
import { elements } from './script-elements'
import { failureViews } from './script-failures'
import { feedViews } from './script-feed'
import { requests } from './script-requests'
import { statusViews } from './script-status'

/** Plain browser JavaScript, in one closure: no global, no library, and what comes from outside is only ever text. */
export const script = `(() => {
'use strict'
${[elements, requests, charts, statusViews, failureViews, feedViews, backfillViews, actions].join('\n')}
})()`
