/** Something that was started and must be stopped: a child process, or a server in this process. */
export interface Part {
  readonly name: string;
  /** Settles, with what is known of the reason, only if the part ends without being told to. */
  readonly ended: Promise<string>;
  /** Also of use while the part is still starting. */
  stop(): Promise<void>;
}
