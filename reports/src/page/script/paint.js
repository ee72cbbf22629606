// How lines, areas, dots and lanes are put on a canvas: one span for each column of pixels, so that the
// work does not grow with the points, and no peak is lost.

const SMALL = '12px system-ui, sans-serif';

function theme() {
  const style = getComputedStyle(document.documentElement);
  const get = (name) => style.getPropertyValue(name).trim();
  const dark = get('--is-dark') === '1';
  const tokens = { ink: get('--ink'), faint: get('--faint') };
  return {
    ink: tokens.ink, faint: tokens.faint, grid: get('--grid'), paper: get('--card'), bad: get('--bad'),
    colour: (name) => tokens[name] ?? (dark ? lighter(name) : name),
  };
}

// Colours that are told apart on white, made light enough for a dark ground.
function lighter(hex) {
  const parts = [1, 3, 5].map((k) => parseInt(hex.slice(k, k + 2), 16));
  const light = (0.3 * parts[0] + 0.59 * parts[1] + 0.11 * parts[2]) / 255;
  const mix = Math.max(0, 0.55 - light) * 0.8;
  return `rgb(${parts.map((v) => Math.round(v + (255 - v) * mix)).join(',')})`;
}

// Calls `draw` with the place and the extent of each column of `pitch` pixels between two places.
function columns(points, from, to, pitch, toX, draw) {
  const { x, low, high, last } = points;
  let i = Math.max(0, firstAt(x, from) - 1);
  const end = Math.min(x.length, firstAt(x, to) + 1);
  while (i < end) {
    const first = toX(x[i]), limit = (Math.floor(first / pitch) + 1) * pitch;
    let lowest = low[i], highest = high[i], at = last[i];
    for (i++; i < end && toX(x[i]) < limit; i++) {
      if (low[i] < lowest) lowest = low[i];
      if (high[i] > highest) highest = high[i];
      at = last[i];
    }
    draw(first, lowest, highest, at);
  }
}

// Where columns stand close together a line is a bar for each, from the value before to its own extent:
// bars cost a small part of what a stroked path with as many corners does.
function paintLine(context, line, view, toX, toY, colour) {
  const width = line.shape === 'dashed' ? 1.5 : 1.75, half = width / 2;
  context.strokeStyle = colour;
  context.fillStyle = colour;
  context.lineWidth = width;
  context.setLineDash(line.shape === 'dashed' ? [7, 5] : []);
  context.beginPath();
  const { x: xs } = line.points;
  const isDense = firstAt(xs, view.to) - firstAt(xs, view.from) > toX(view.to) - toX(view.from);
  const pitch = isDense ? 2 : 1;
  let beforeX = 0, beforeY = null;
  columns(line.points, view.from, view.to, pitch, toX, (x, low, high, last) => {
    const y = toY(last);
    let top = toY(high), bottom = toY(low);
    if (beforeY !== null) {
      if (line.shape === 'hold') {
        context.fillRect(beforeX, beforeY - half, x - beforeX, width);
        top = Math.min(top, beforeY);
        bottom = Math.max(bottom, beforeY);
      } else if (x - beforeX < 3) {
        top = Math.min(top, beforeY);
        bottom = Math.max(bottom, beforeY);
      } else {
        context.moveTo(beforeX, beforeY);
        context.lineTo(x, Math.abs(bottom - beforeY) < Math.abs(top - beforeY) ? bottom : top);
      }
    }
    context.fillRect(x - half, top - half, width, bottom - top + width);
    beforeX = x;
    beforeY = y;
  });
  context.stroke();
  context.setLineDash([]);
}

// Areas on each other; all have their points at the same places, and those of steps come in pairs.
function paintAreas(context, lines, view, toX, toY, colourOf) {
  if (lines.length === 0) return;
  const xs = lines[0].points.x;
  const from = Math.max(0, firstAt(xs, view.from) - 2) & ~1;
  const to = Math.min(xs.length, firstAt(xs, view.to) + 2);
  const below = new Float64Array(to - from);
  for (const line of lines) {
    context.fillStyle = colourOf(line.colour);
    context.globalAlpha = 0.72;
    context.beginPath();
    for (let i = from; i < to; i++) context.lineTo(toX(xs[i]), toY(below[i - from]));
    for (let i = to - 1; i >= from; i--) {
      below[i - from] += line.points.last[i] ?? 0;
      context.lineTo(toX(xs[i]), toY(below[i - from]));
    }
    context.fill();
    context.globalAlpha = 1;
  }
}

function paintDots(context, line, view, toX, toY, colour) {
  context.fillStyle = colour;
  if (line.shape === 'dots') {
    // Whole pixels: thousands of them cost little.
    columns(line.points, view.from, view.to, 2, toX, (x, low, high) => {
      const top = Math.round(toY(high)) - 1, bottom = Math.round(toY(low)) + 1;
      context.fillRect(Math.round(x) - 1, top, 2, bottom - top);
    });
    return;
  }
  columns(line.points, view.from, view.to, 3, toX, (x, low, high) => {
    const top = toY(high), bottom = toY(low);
    context.beginPath();
    context.moveTo(x, top - 4.5);
    context.lineTo(x + 4.5, top);
    context.lineTo(x + 4.5, bottom);
    context.lineTo(x, bottom + 4.5);
    context.lineTo(x - 4.5, bottom);
    context.lineTo(x - 4.5, top);
    context.fill();
  });
}

function paintLanes(context, lanes, hidden, view, box, toX, colours) {
  const shown = lanes.filter((_, k) => !hidden.has(k));
  const each = Math.min(64, (box.bottom - box.top) / Math.max(1, shown.length));
  context.font = SMALL;
  shown.forEach((lane, k) => {
    const middle = box.top + each * (k + 0.5), half = Math.min(16, each * 0.3);
    for (const [from, to, how] of lane.bars) {
      if (to < view.from || from > view.to) continue;
      const x = toX(from), width = Math.max(1.5, toX(to) - x);
      // A tint covers the line of the time in which nothing came.
      const layers = how === 'busy' ? [[colours.paper, 1], [colours.colour(lane.colour), 0.72]]
        : [[how === 'stalled' ? colours.bad : colours.colour(lane.colour), 1]];
      const high = how === 'idle' ? 1 : half;
      for (const [colour, alpha] of layers) {
        context.fillStyle = colour;
        context.globalAlpha = alpha;
        context.fillRect(x, middle - high, width, 2 * high);
      }
      context.globalAlpha = 1;
    }
    context.fillStyle = colours.ink;
    context.textAlign = 'left';
    let free = -Infinity;
    for (const [at, what] of lane.moments) {
      const x = toX(at);
      if (at < view.from || at > view.to) continue;
      context.fillRect(x - 0.75, middle - half - 3, 1.5, 2 * half + 3);
      if (x > free && x + context.measureText(what).width < box.right) {
        context.fillText(what, x, middle + half + 9);
        free = x + context.measureText(what).width + 10;
      }
    }
  });
}
