/** Floor 7: incident to verdict. */
export * from './brief.ts';
export * from './check.ts';
export * from './check-sense.ts';
export * from './hypothesis.ts';
export * from './language-analyst.ts';
export * from './language-model.ts';
export * from './language-verdict.ts';
export * from './opinion.ts';
export * from './persona.ts';
export * from './prompt.ts';
export * from './proposal.ts';
export * from './proposal-syntax.ts';
export * from './redaction.ts';
export * from './reference.ts';
export * from './rules.ts';
export * from './staged.ts';
export * from './verdict.ts';
