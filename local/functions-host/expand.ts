/** `%Name%` is a setting. Double underscores do not resolve in binding expressions: in Azure they are section separators. */
export const expand = (expression: string, env: NodeJS.ProcessEnv): string =>
  expression.replaceAll(/%([^%]+)%/g, (_, name: string) => {
    const value = name.includes('__') ? undefined : env[name]
    if (value === undefined) throw new Error(`%${name}% does not resolve to a setting.`)
    return value
  })

export const isDisabled = (name: string, env: NodeJS.ProcessEnv): boolean =>
  ['true', '1'].includes(env[`AzureWebJobs.${name}.Disabled`]?.toLowerCase() ?? '')
