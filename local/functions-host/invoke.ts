import { randomUUID } from 'node:crypto'
import type {
  App,
  HookContext,
  InvocationRequest,
  Log,
  ProgrammingModel,
  RegisteredFunction,
  RpcHttp,
} from './core-api'

export type Outcome =
  | { readonly succeeded: true; readonly http: RpcHttp | undefined }
  | { readonly succeeded: false; readonly error: string }

export type Invoke = (fn: RegisteredFunction, request: InvocationRequest, invocationId?: string) => Promise<Outcome>

export const triggerOf = (fn: RegisteredFunction) => {
  const found = Object.entries(fn.bindings).find(([, binding]) => /trigger$/i.test(binding.type))
  if (found === undefined) throw new Error(`Function "${fn.name}" has no trigger.`)
  const [name, binding] = found
  return { name, ...binding, type: binding.type.toLowerCase() }
}

/** Invokes a function through the library's own programming model. Never rejects: a failed invocation is an Outcome. */
export const invoker =
  (app: App, model: ProgrammingModel, log: Log): Invoke =>
  async (fn, request, invocationId = randomUUID()) => {
    const core: Parameters<ProgrammingModel['getInvocationModel']>[0] = {
      invocationId,
      metadata: fn,
      request,
      log: (level, category, message) => log({ level, category, message, functionName: fn.name }),
    }
    try {
      const invocation = model.getInvocationModel(core)
      const { context, inputs } = await invocation.getArguments()
      const hookData = {}
      const before: HookContext = { hookData, invocationContext: context, inputs, functionCallback: fn.callback }
      await app.runHooks('preInvocation', before)

      const after: HookContext = {
        hookData,
        invocationContext: context,
        inputs: before.inputs,
        result: undefined,
        error: null,
      }
      try {
        const { inputs: changed, functionCallback } = before as {
          inputs: unknown[]
          functionCallback: typeof fn.callback
        }
        after.result = await invocation.invokeFunction(context, changed, functionCallback)
      } catch (error) {
        after.error = error
      }
      core.state = 'postInvocationHooks'
      await app.runHooks('postInvocation', after)
      // As in the real worker, where `throw undefined` counts as success.
      if (after.error) throw after.error

      const response = await invocation.getResponse(context, after.result)
      return { succeeded: true, http: response.returnValue?.http }
    } catch (thrown) {
      const error = thrown instanceof Error ? thrown.message : String(thrown)
      log({ level: 'error', category: 'host', message: `Failed: ${error}`, functionName: fn.name })
      return { succeeded: false, error }
    }
  }
