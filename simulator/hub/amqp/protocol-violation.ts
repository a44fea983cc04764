/** The other side broke the protocol: its connection ends. */
export class ProtocolViolation extends Error {
  override readonly name = 'ProtocolViolation';
  readonly condition: string;

  constructor(condition: string, message: string) {
    super(message);
    this.condition = condition;
  }
}
