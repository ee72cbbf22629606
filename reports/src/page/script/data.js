// Points as they come (see page/data.rs): four differences each, to typed arrays.

function decode(flat, xStep, yStep) {
  const count = flat.length / 4;
  const points = {
    x: new Float64Array(count),
    low: new Float64Array(count),
    high: new Float64Array(count),
    last: new Float64Array(count),
  };
  let x = 0, low = 0;
  for (let i = 0; i < count; i++) {
    x += flat[4 * i];
    low += flat[4 * i + 1];
    points.x[i] = x * xStep;
    points.low[i] = low * yStep;
    points.high[i] = (low + flat[4 * i + 2]) * yStep;
    points.last[i] = (low + flat[4 * i + 3]) * yStep;
  }
  return points;
}

// The first index whose place is not before x.
function firstAt(xs, x) {
  let from = 0, to = xs.length;
  while (from < to) {
    const middle = (from + to) >> 1;
    if (xs[middle] < x) from = middle + 1; else to = middle;
  }
  return from;
}

// A round step of at least `least`: 1, 2, 2.5 or 5 times a power of ten.
function roundStep(least) {
  if (!(least > 0) || !isFinite(least)) return 1;
  const power = 10 ** Math.floor(Math.log10(least));
  for (const m of [1, 2, 2.5, 5]) if (m * power >= least * (1 - 1e-9)) return m * power;
  return 10 * power;
}

// Round values between two ends, at most about `wanted`, with the decimals that they need.
function roundTicks(from, to, wanted) {
  const step = roundStep((to - from) / Math.max(1, wanted));
  let decimals = 0;
  while (decimals < 9 && Math.abs(step * 10 ** decimals - Math.round(step * 10 ** decimals)) > 1e-6 * step * 10 ** decimals) decimals++;
  const ticks = [];
  for (let k = Math.ceil(from / step - 1e-6); k * step <= to + step * 1e-6; k++) ticks.push([k * step, (k * step).toFixed(decimals)]);
  return ticks;
}

function figure(value) {
  const size = Math.abs(value);
  return value.toFixed(size >= 99.95 ? 0 : size >= 9.995 ? 1 : 2);
}
