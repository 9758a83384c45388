/** A line chart as SVG, for the documentation: recall from 0 to 1 over a value. No script, no style from outside. */

export interface Series {
  readonly name: string;
  /** 0 to 1 at each value. */
  readonly recall: readonly number[];
  /** Per run, at each value. */
  readonly falseAlarms: readonly number[];
}

const WIDTH = 640;
const HEIGHT = 300;
const LEFT = 48;
const TOP = 36;
const PLOT = { width: 560, height: 190 } as const;
/** Told apart also without colour, by their dashes. */
const STROKES = [
  ['#0b5fa5', ''],
  ['#b3541e', '7 4'],
  ['#4a7a2c', '2 4'],
] as const;

export function curveSvg(
  chart: { readonly title: string; readonly axis: string; readonly log: boolean; readonly values: readonly number[] },
  series: readonly Series[],
): string {
  const { title, axis, log, values } = chart;
  const scale = (value: number): number => (log ? Math.log10(value) : value);
  const [first = 0, last = 1] = [scale(values[0] ?? 0), scale(values.at(-1) ?? 1)];
  const x = (value: number): number => LEFT + (PLOT.width * (scale(value) - first)) / (last - first || 1);
  const y = (share: number): number => TOP + PLOT.height * (1 - share);
  const bottom = TOP + PLOT.height;
  const parts: string[] = [];
  for (const share of [0, 0.25, 0.5, 0.75, 1])
    parts.push(
      `<line x1="${LEFT}" y1="${n(y(share))}" x2="${LEFT + PLOT.width}" y2="${n(y(share))}" stroke="#ddd"/>`,
      `<text x="${LEFT - 6}" y="${n(y(share) + 4)}" text-anchor="end">${share}</text>`,
    );
  for (const value of values)
    parts.push(`<text x="${n(x(value))}" y="${bottom + 18}" text-anchor="middle">${value}</text>`);
  series.forEach(({ name, recall }, i) => {
    const [stroke, dash] = STROKES[i % STROKES.length] ?? STROKES[0];
    // Lines that run over each other stay visible: each is a little higher than the one before.
    const points = recall.map((share, k) => `${n(x(values[k] ?? 0))},${n(y(share) - 2 * i)}`).join(' ');
    const legend = LEFT + i * 180;
    parts.push(
      `<polyline points="${points}" fill="none" stroke="${stroke}" stroke-width="2.5"${dash === '' ? '' : ` stroke-dasharray="${dash}"`}/>`,
      `<line x1="${legend}" y1="${HEIGHT - 12}" x2="${legend + 28}" y2="${HEIGHT - 12}" stroke="${stroke}" stroke-width="2.5"${dash === '' ? '' : ` stroke-dasharray="${dash}"`}/>`,
      `<text x="${legend + 34}" y="${HEIGHT - 8}">${escaped(name)}</text>`,
    );
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" width="${WIDTH}" height="${HEIGHT}" font-family="sans-serif" font-size="12" fill="#222" role="img">
<title>${escaped(title)}</title>
<rect width="${WIDTH}" height="${HEIGHT}" fill="#fff"/>
<text x="${LEFT}" y="20" font-size="14">${escaped(title)}: share found</text>
${parts.join('\n')}
<text x="${LEFT + PLOT.width / 2}" y="${bottom + 40}" text-anchor="middle">${escaped(axis)}</text>
</svg>
`;
}

function n(value: number): string {
  return String(Number(value.toFixed(1)));
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;');
}
