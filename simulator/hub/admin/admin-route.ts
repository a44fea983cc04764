import type { AdminContext } from './admin-context.ts';

export interface AdminRequest extends AdminContext {
  /** The parts of the path in braces, decoded. */
  readonly params: ReadonlyMap<string, string>;
  readonly query: URLSearchParams;
  readonly body: Buffer;
}

export interface AdminAnswer {
  readonly status: number;
  /** Sent as JSON; without it there is no body. */
  readonly json?: unknown;
  /** Runs once the caller has the answer and its connection is closed. */
  readonly afterwards?: () => void;
}

export interface AdminRoute {
  readonly method: 'GET' | 'PUT' | 'POST' | 'DELETE';
  /** Below `/$downlink`, such as `/devices/{deviceId}/queue`. */
  readonly path: string;
  /** Small unless told otherwise. */
  readonly maxBodyBytes?: number;
  readonly handle: (request: AdminRequest) => AdminAnswer;
}

export const DONE: AdminAnswer = { status: 204 };
