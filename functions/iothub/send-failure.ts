/** A message was handed to its link and not accepted. */
export class SendFailure extends Error {
  /** The connection went, and the answer with it; otherwise the hub rejected the message. */
  readonly lost: boolean;

  constructor(cause: unknown, { lost }: { lost: boolean }) {
    super(lost ? 'The connection was lost during a send' : 'The hub rejected the message', {
      cause,
    });
    this.name = 'SendFailure';
    this.lost = lost;
  }
}
