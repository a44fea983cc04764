import { conformanceTests } from './conformance-tests.ts';

conformanceTests('java');
