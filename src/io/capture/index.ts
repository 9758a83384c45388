/** Capturing through a child process: programs, interfaces, the ring of files, the state that other shells see. */
export * from './framer.ts';
export * from './interface.ts';
export * from './interface-capture.ts';
export * from './program.ts';
export * from './repair.ts';
export * from './ring.ts';
export * from './session.ts';
export * from './span.ts';
export * from './state.ts';
export * from './statistics.ts';
export * from './unit.ts';
