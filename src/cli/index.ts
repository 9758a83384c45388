/** Floor 11: the command line. */
export { createProgram, main } from './main.ts';
