/**
 * The chi-square distribution, by the regularised incomplete gamma function (Abramowitz, Stegun 6.5.29 and 26.4.10): its series below a + 1, its
 * continued fraction by the method of Lentz above. Relative error about 1e-13.
 */

/** ln of the gamma function for x > 0: Stirling's series (Abramowitz, Stegun 6.1.41) from 10 on, brought there by the recurrence. */
function logGamma(x: number): number {
  let shift = 0;
  let at = x;
  while (at < 10) shift += Math.log(at++);
  const r = 1 / (at * at);
  const series = (1 / 12 - r * (1 / 360 - r * (1 / 1260 - r * (1 / 1680 - r * (1 / 1188 - (r * 691) / 360_360))))) / at;
  return (at - 0.5) * Math.log(at) - at + 0.5 * Math.log(2 * Math.PI) + series - shift;
}

/** P(chi-square with `freedom` degrees of freedom <= x), freedom > 0. */
export function chiSquareBelow(x: number, freedom: number): number {
  if (!(x > 0)) return 0;
  if (x === Number.POSITIVE_INFINITY) return 1;
  const a = freedom / 2;
  const t = x / 2;
  const front = Math.exp(a * Math.log(t) - t - logGamma(a));
  if (t < a + 1) {
    let term = 1 / a;
    let total = term;
    for (let k = 1; k < 10_000 && term > total * 1e-17; k++) {
      term *= t / (a + k);
      total += term;
    }
    return Math.min(1, front * total);
  }
  let b = t + 1 - a;
  let c = 1e300;
  let f = 1 / b;
  let value = f;
  for (let k = 1; k < 10_000; k++) {
    const factor = -k * (k - a);
    b += 2;
    f = 1 / (factor * f + b);
    c = b + factor / c;
    const change = c * f;
    value *= change;
    if (Math.abs(change - 1) < 1e-16) break;
  }
  return Math.max(0, 1 - front * value);
}

/** The x below which a share `p` lies, 0 <= p < 1, by halving. */
export function chiSquareQuantile(p: number, freedom: number): number {
  if (!(p > 0)) return 0;
  let low = 0;
  let high = freedom + 10;
  while (chiSquareBelow(high, freedom) < p) high *= 2;
  for (let k = 0; k < 100 && high - low > 1e-15 * high; k++) {
    const middle = (low + high) / 2;
    if (chiSquareBelow(middle, freedom) < p) low = middle;
    else high = middle;
  }
  return (low + high) / 2;
}
