// JavaScript, because jest loads this file with Node itself.
import { build } from '../../build.js';

/** Tests that start our processes start what is built: once for all of them, before the first. */
// oxlint-disable-next-line import/no-default-export -- jest calls the module's default export
export default build;
