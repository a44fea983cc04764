/** The service SDK quotes even the star. */
export function ifMatchHolds(ifMatch: string, etag: string): boolean {
  const wanted = ifMatch
    .trim()
    .replace(/^W\//, '')
    .replace(/^"(.*)"$/, '$1');
  return wanted === '*' || wanted === etag;
}
