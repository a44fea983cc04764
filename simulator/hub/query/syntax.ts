export type BinaryOperator =
  'OR' | 'AND' | 'IN' | 'NIN' | '=' | '!=' | '<' | '<=' | '>' | '>=' | '+' | '-' | '*' | '/' | '%';

/** A way into a document. */
export interface Path {
  readonly kind: 'path';
  readonly names: readonly string[];
}

export type Expression =
  | Path
  | { readonly kind: 'constant'; readonly value: unknown }
  | { readonly kind: 'array'; readonly items: readonly Expression[] }
  | { readonly kind: 'call'; readonly name: FunctionName; readonly args: readonly Expression[] }
  | { readonly kind: 'not' | 'negative'; readonly operand: Expression }
  | {
      readonly kind: 'binary';
      readonly operator: BinaryOperator;
      readonly left: Expression;
      readonly right: Expression;
    };

/** How many arguments each function takes; STARTSWITH is not documented for twins, but known to work. */
export const FUNCTIONS = { IS_DEFINED: 1, STARTSWITH: 2 } as const;
export type FunctionName = keyof typeof FUNCTIONS;

export const AGGREGATES = ['COUNT', 'AVG', 'SUM', 'MIN', 'MAX'] as const;

export interface Aggregate {
  readonly kind: 'aggregate';
  readonly name: (typeof AGGREGATES)[number];
  /** Of all but COUNT. */
  readonly path?: Path;
}

export interface SelectItem {
  readonly value: Path | Aggregate;
  readonly alias?: string;
}

export const COLLECTIONS = ['devices', 'devices.modules'] as const;
export type Collection = (typeof COLLECTIONS)[number];

export interface Query {
  readonly top?: number;
  /** Undefined selects the documents as they are. */
  readonly select?: readonly SelectItem[];
  readonly from: Collection;
  readonly where?: Expression;
  readonly groupBy?: readonly Path[];
}
