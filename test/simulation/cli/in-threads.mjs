import { Worker } from 'node:worker_threads'

/** One thread: its reports, one after the other. */
export const inThread = (workerData, onReport) =>
  new Promise((resolve, reject) => {
    const worker = new Worker(new URL('./worker.mjs', import.meta.url), { workerData })
    worker.on('message', onReport)
    worker.once('error', reject)
    worker.once('exit', (code) => (code === 0 ? resolve() : reject(new Error(`a thread ended with ${code}`))))
  })
