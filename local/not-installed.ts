/** A server that is not ours, and not on this machine: the message says how to get it. */
export class NotInstalled extends Error {}
