import type { FeedbackRecord } from './feedback-record.ts';

/** What can go wrong with a record on its way into a batch, or with a batch on its way to a consumer. */
export type FeedbackMishap =
  | { readonly kind: 'lose' }
  | { readonly kind: 'duplicate' }
  | { readonly kind: 'delay'; readonly ms: number }
  /** It comes after what follows it. */
  | { readonly kind: 'reorder' };

/** Asked once for each. */
export interface FeedbackMishaps {
  ofRecord(record: FeedbackRecord): FeedbackMishap | undefined;
  ofBatch(): FeedbackMishap | undefined;
}
