import diagnostics from 'node:diagnostics_channel';

/** What `run` gives, and how many HTTP requests this process begins meanwhile. */
export async function countRequests<Result>(
  run: () => Promise<Result>,
): Promise<{ requests: number; result: Result }> {
  let requests = 0;
  const onRequest = () => {
    requests += 1;
  };
  diagnostics.subscribe('http.client.request.start', onRequest);
  try {
    const result = await run();
    return { requests, result };
  } finally {
    diagnostics.unsubscribe('http.client.request.start', onRequest);
  }
}
