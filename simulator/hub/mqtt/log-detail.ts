export type LogDetail = Readonly<Record<string, string | number | boolean>>;
