import { Module } from 'node:module'

// What `@azure/functions` and the host's Node worker say to each other: the part of `@azure/functions-core` that HTTP,
// timer and queue triggers use. The worker injects that module; it is on no registry.

export interface LogLine {
  readonly level: string
  readonly category: string
  readonly message: string
  readonly functionName?: string
}
export type Log = (line: LogLine) => void

export interface Binding {
  readonly type: string
  readonly direction: string
  readonly [option: string]: unknown
}
export type Callback = (...inputs: unknown[]) => unknown
export interface RegisteredFunction {
  readonly name: string
  readonly bindings: Readonly<Record<string, Binding>>
  readonly callback: Callback
}

export interface RpcHttp {
  readonly statusCode?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: { readonly bytes?: Uint8Array } | null
}
export interface RpcData {
  readonly json?: string
  readonly string?: string
  readonly http?: unknown
}
export interface InvocationRequest {
  readonly inputData: ReadonlyArray<{ readonly name: string; readonly data: RpcData }>
  readonly triggerMetadata: Readonly<Record<string, RpcData>>
}
export interface InvocationModel {
  getArguments(): Promise<{ readonly context: unknown; readonly inputs: unknown[] }>
  invokeFunction(context: unknown, inputs: unknown[], callback: Callback): Promise<unknown>
  getResponse(context: unknown, result: unknown): Promise<{ readonly returnValue?: { readonly http?: RpcHttp } | null }>
}
export interface ProgrammingModel {
  getInvocationModel(core: {
    readonly invocationId: string
    readonly metadata: Pick<RegisteredFunction, 'name' | 'bindings'>
    readonly request: InvocationRequest
    state?: 'postInvocationHooks'
    log(level: string, category: string, message: string): void
  }): InvocationModel
  getCapabilities(capabilities: Record<string, string>): Promise<Readonly<Record<string, string>>>
}

/** A hook may change its context: an argument, the handler, the result. */
export type HookContext = Record<string, unknown>
type Hook = (context: HookContext) => unknown
const hookNames = ['appStart', 'appTerminate', 'preInvocation', 'postInvocation']

export interface App {
  readonly functions: ReadonlyMap<string, RegisteredFunction>
  readonly model: () => ProgrammingModel | undefined
  readonly runHooks: (name: string, context: HookContext) => Promise<void>
}

class Disposable {
  constructor(readonly dispose: () => void) {}
}

/** Makes `require('@azure/functions-core')` work in this process, as the worker does. What the app registers is in the result. */
export const injectCoreModule = (log: Log): App => {
  const functions = new Map<string, RegisteredFunction>()
  const hooks = new Map(hookNames.map((name) => [name, new Set<Hook>()]))
  let model: ProgrammingModel | undefined

  const core = {
    version: '3.0.0',
    hostVersion: '4.0.0',
    Disposable,
    setProgrammingModel: (chosen: ProgrammingModel) => (model = chosen),
    getProgrammingModel: () => model,
    registerFunction: (metadata: Omit<RegisteredFunction, 'callback'>, callback: Callback) => {
      if (functions.has(metadata.name)) throw new Error(`A function named "${metadata.name}" is registered already.`)
      functions.set(metadata.name, { name: metadata.name, bindings: metadata.bindings, callback })
      return new Disposable(() => functions.delete(metadata.name))
    },
    registerHook: (name: string, hook: Hook) => {
      const registered = hooks.get(name)
      if (registered === undefined) throw new RangeError(`The local host has no hook "${name}".`)
      registered.add(hook)
      return new Disposable(() => registered.delete(hook))
    },
    log: (level: string, category: string, message: string) => log({ level, category, message }),
  }

  Module.prototype.require = new Proxy(Module.prototype.require, {
    apply: (require, module, [id]: [string]): unknown =>
      id === '@azure/functions-core' ? core : Reflect.apply(require, module, [id]),
  })

  return {
    functions,
    model: () => model,
    runHooks: async (name, context) => {
      for (const hook of hooks.get(name) ?? []) await hook(context)
    },
  }
}
