// Who may import whom (docs/adr/0001). Fails also when nothing was read: a check of no module passes everything.
import { cruise } from 'dependency-cruiser'
import config from './dependency-cruiser.mjs'

const { output } = await cruise(
  ['functions', 'lib', 'cli', 'local'],
  { ruleSet: config, validate: true, tsPreCompilationDeps: true, doNotFollow: { path: 'node_modules' } },
  {
    extensions: ['.ts', '.js', '.json'],
    exportsFields: ['exports'],
    conditionNames: ['import', 'require', 'node', 'default'],
  },
)
const { totalCruised, violations } = output.summary
const own = output.modules.filter((module) => module.source.endsWith('.ts') && !module.source.includes('node_modules'))
for (const violation of violations) {
  console.error(`${violation.rule.severity} ${violation.rule.name}: ${violation.from} → ${violation.to}`)
}
console.log(`boundaries: ${own.length} modules of ours read, ${totalCruised} in all, ${violations.length} violations`)
process.exit(violations.length > 0 || own.length === 0 ? 1 : 0)
