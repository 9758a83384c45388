/** Cells in columns: the first to the left, numbers to the right, two spaces between, no line longer than it must be. */
export function columns(
  rows: readonly (readonly string[])[],
  align: readonly ('left' | 'right')[] = [],
  indent = '',
): string {
  const widths: number[] = [];
  for (const row of rows)
    row.forEach((cell, i) => {
      widths[i] = Math.max(widths[i] ?? 0, cell.length);
    });
  return rows
    .map((row) =>
      `${indent}${row
        .map((cell, i) => (align[i] === 'right' ? cell.padStart(widths[i] ?? 0) : cell.padEnd(widths[i] ?? 0)))
        .join('  ')}`.trimEnd(),
    )
    .map((line) => `${line}\n`)
    .join('');
}

/** A number with as many digits as say something: 14.2, 0.142, 1,420. */
export function short(value: number): string {
  if (value >= 1000) return String(Math.round(value)).replace(/\B(?=(?:\d{3})+$)/g, ',');
  return String(Number(value.toPrecision(3)));
}

/** A score of a calibrated model: as many nines as it has, and one digit more. */
export function scoreText(score: number): string {
  const rest = 1 - score;
  if (!(rest > 0)) return '1';
  return String(Number(score.toFixed(Math.min(10, Math.ceil(-Math.log10(rest) - 1e-9) + 1))));
}
