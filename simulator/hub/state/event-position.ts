/** Where a reader of a partition starts. */
export type EventPosition =
  | { readonly kind: 'latest' }
  | {
      readonly kind: 'offset' | 'sequenceNumber' | 'enqueuedTime';
      readonly value: number;
      readonly isInclusive: boolean;
    };
