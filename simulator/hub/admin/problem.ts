import { HubError } from '../state/hub-error.ts';

export interface RequestFault {
  /** Such as `body.advanceSeconds`, `query.after`. */
  readonly path: string;
  readonly message: string;
}

/** The request is wrong in these places. */
export class InvalidRequestError extends Error {
  override readonly name = 'InvalidRequestError';
  readonly faults: readonly RequestFault[];

  constructor(detail: string, faults: readonly RequestFault[] = []) {
    super(detail);
    this.faults = faults;
  }
}

export interface Problem {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  readonly code: string;
  readonly errors?: readonly RequestFault[];
}

/** An error as RFC 9457 wants it told. */
export function problemOf(error: unknown): Problem {
  if (error instanceof InvalidRequestError) {
    return problem('invalid-request', 'The request is not valid', 400, error.message, error.faults);
  }
  if (error instanceof HubError) {
    const code = error.kind.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
    return problem(code, error.errorName, error.httpStatus, error.message);
  }
  return problem('internal', 'The simulated hub failed', 500, String(error));
}

function problem(
  code: string,
  title: string,
  status: number,
  detail: string,
  errors: readonly RequestFault[] = [],
): Problem {
  return {
    type: `/problems/${code}`,
    title,
    status,
    detail,
    code,
    ...(errors.length > 0 && { errors }),
  };
}
