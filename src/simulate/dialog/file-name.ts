import type { Random } from '../../core/index.ts';
import { integer, pick } from '../chance.ts';

/** Names of files and pages. */

/** Words of a name, for files and pages. */
export const WORDS = [
  'report',
  'invoice',
  'minutes',
  'offer',
  'plan',
  'contract',
  'budget',
  'draft',
  'photo',
  'summary',
  'order',
  'list',
] as const;

export function fileName(random: Random): string {
  return `${pick(random, WORDS)}-${integer(random, 1, 400)}.${pick(random, ['docx', 'xlsx', 'pdf', 'pptx', 'jpg'])}`;
}
