export interface MethodCall {
  readonly methodName: string;
  /** `undefined` when the call came without a payload. */
  readonly payload: unknown;
}

/** What a device says to a direct method; `silence` lets the caller run into its time-out. */
export type MethodAnswer = { readonly status: number; readonly payload: unknown } | 'silence';

export const DEFAULT_METHOD_ANSWER: MethodAnswer = {
  status: 200,
  payload: { Response: 'This is the response from the device' },
};
