// One chart: its plots above each other over one axis. Charts over time share what part of it they show.

const LEFT = 62, RIGHT = 14, TOP = 26, BOTTOM = 44, GAP = 18;

class Chart {
  constructor(figure, data, group) {
    this.figure = figure;
    this.data = data;
    this.group = group;
    this.canvas = figure.querySelector('canvas');
    this.context = this.canvas.getContext('2d');
    this.isVisible = false;
    this.plots = data.plots.map((plot) => ({
      label: plot.label, highest: plot.highest, lanes: plot.lanes, hidden: new Set(),
      lines: plot.lines.map((line) => ({ ...line, points: decode(line.points, data.step, plot.step) })),
    }));
    this.view = group.view;
    this.buildLegend();
    this.listen();
  }

  get isLanes() { return this.plots[0].lanes.length > 0; }

  height() {
    if (this.isLanes) return TOP + BOTTOM + this.plots[0].lanes.length * 56;
    // Two charts on a printed page.
    const [one, each] = document.documentElement.classList.contains('printing') ? [200, 105] : [280, 150];
    return TOP + BOTTOM + (this.plots.length === 1 ? one : this.plots.length * each + (this.plots.length - 1) * GAP);
  }

  left() { return LEFT; }

  // Where the axes of a plot stand.
  box(index) {
    const room = this.size.height - TOP - BOTTOM - GAP * (this.plots.length - 1);
    const each = room / this.plots.length, top = TOP + (each + GAP) * index;
    return { left: LEFT, right: this.size.width - RIGHT, top, bottom: top + each };
  }

  resize() {
    const width = this.canvas.parentElement.clientWidth, height = this.height();
    const ratio = window.devicePixelRatio || 1;
    this.size = { width, height };
    this.canvas.width = Math.round(width * ratio);
    this.canvas.height = Math.round(height * ratio);
    this.canvas.style.height = `${height}px`;
    this.context.setTransform(ratio, 0, 0, ratio, 0, 0);
  }

  toX(at) {
    const { left, right } = this.box(0);
    return left + (right - left) * (at - this.view.from) / (this.view.to - this.view.from);
  }

  toPlace(x) {
    const { left, right } = this.box(0);
    return this.view.from + (this.view.to - this.view.from) * (x - left) / (right - left);
  }

  draw() {
    if (this.canvas.parentElement.clientWidth === 0) return;
    if (!this.size || this.size.width !== this.canvas.parentElement.clientWidth) this.resize();
    const { context, size, view } = this;
    const colours = theme();
    context.clearRect(0, 0, size.width, size.height);
    context.textBaseline = 'middle';
    this.plots.forEach((plot, k) => this.drawPlot(plot, this.box(k), colours));
    this.drawAxis(colours);
    this.drawMarks(colours);
    if (this.selected) {
      const [from, to] = this.selected;
      context.fillStyle = colours.ink;
      context.globalAlpha = 0.12;
      context.fillRect(Math.min(from, to), TOP, Math.abs(to - from), size.height - TOP - BOTTOM);
      context.globalAlpha = 1;
    }
    if (this.group.cursor !== null) {
      const x = this.toX(this.group.cursor);
      if (x >= LEFT && x <= size.width - RIGHT) {
        context.fillStyle = colours.ink;
        context.globalAlpha = 0.5;
        context.fillRect(x - 0.5, TOP, 1, size.height - TOP - BOTTOM);
        context.globalAlpha = 1;
      }
    }
    this.canvas.dataset.view = `${view.from} ${view.to}`;
  }

  drawPlot(plot, box, colours) {
    const { context, view } = this;
    const perUnit = (box.right - box.left) / (view.to - view.from), { left } = box, { from } = view;
    const toX = (at) => left + (at - from) * perUnit;
    context.save();
    if (plot.lanes.length > 0) {
      context.beginPath();
      context.rect(box.left, 0, box.right - box.left, this.size.height);
      context.clip();
      paintLanes(context, plot.lanes, plot.hidden, view, box, toX, colours);
      context.restore();
      this.nameLanes(plot, box, colours);
      return;
    }
    const shown = plot.lines.filter((_, k) => !plot.hidden.has(k));
    const highest = this.top(plot, shown);
    const toY = (value) => box.bottom - (box.bottom - box.top) * Math.min(1.05, value / highest);
    this.drawGrid(plot, box, highest, toY, colours);
    context.beginPath();
    context.rect(box.left, box.top - 5, box.right - box.left, box.bottom - box.top + 10);
    context.clip();
    paintAreas(context, shown.filter((line) => line.shape === 'area'), view, toX, toY, colours.colour);
    for (const line of shown) {
      const colour = colours.colour(line.colour);
      if (line.shape === 'dots' || line.shape === 'diamonds') paintDots(context, line, view, toX, toY, colour);
      else if (line.shape !== 'area') paintLine(context, line, view, toX, toY, colour);
    }
    context.restore();
  }

  // The highest value in view; lanes of sequence numbers follow the view, so that a closer look shows more.
  top(plot, shown) {
    if (plot.highest) return plot.highest;
    let highest = 0;
    for (const { points } of shown) {
      const end = Math.min(points.x.length, firstAt(points.x, this.view.to) + 1);
      for (let i = Math.max(0, firstAt(points.x, this.view.from) - 1); i < end; i++) if (points.high[i] > highest) highest = points.high[i];
    }
    return highest > 0 ? highest * 1.08 : 1;
  }

  drawGrid(plot, box, highest, toY, colours) {
    const { context } = this;
    context.font = SMALL;
    context.textAlign = 'right';
    for (const [value, text] of roundTicks(0, highest, (box.bottom - box.top) / 42)) {
      const y = Math.round(toY(value)) + 0.5;
      context.fillStyle = colours.grid;
      context.fillRect(box.left, y, box.right - box.left, 1);
      context.fillStyle = colours.faint;
      context.fillText(text, box.left - 8, y);
    }
    context.save();
    context.translate(12, (box.top + box.bottom) / 2);
    context.rotate(-Math.PI / 2);
    context.textAlign = 'center';
    context.fillStyle = colours.ink;
    context.fillText(plot.label, 0, 0);
    context.restore();
  }

  nameLanes(plot, box, colours) {
    const { context } = this;
    const shown = plot.lanes.filter((_, k) => !plot.hidden.has(k));
    const each = Math.min(64, (box.bottom - box.top) / Math.max(1, shown.length));
    context.font = SMALL;
    context.textAlign = 'right';
    context.fillStyle = colours.ink;
    shown.forEach((lane, k) => {
      let name = lane.name;
      while (name.length > 1 && context.measureText(name).width > LEFT - 12) name = name.slice(0, -2) + '…';
      context.fillText(name, LEFT - 8, box.top + each * (k + 0.5));
    });
  }

  drawAxis(colours) {
    const { context, view, data } = this;
    const { left, right } = this.box(0), bottom = this.size.height - BOTTOM;
    context.fillStyle = colours.ink;
    context.fillRect(left, bottom, right - left, 1);
    context.font = SMALL;
    context.textAlign = 'center';
    const ticks = data.ticks ?? roundTicks(view.from, view.to, (right - left) / 90);
    for (const [at, text] of ticks) {
      if (at < view.from - 1e-12 || at > view.to + 1e-12) continue;
      const x = this.toX(at), half = context.measureText(text).width / 2;
      context.fillStyle = colours.ink;
      context.fillRect(x, bottom, 1, 5);
      context.fillStyle = colours.faint;
      context.fillText(text, Math.min(x, this.size.width - half - 1), bottom + 15);
    }
    context.fillStyle = colours.ink;
    context.fillText(data.label, (left + right) / 2, bottom + 34);
  }

  drawMarks(colours) {
    const { context, view } = this;
    context.font = SMALL;
    context.textAlign = 'left';
    let free = -Infinity;
    for (const [at, label, important] of this.data.marks) {
      if (at < view.from || at > view.to) continue;
      const x = this.toX(at), width = context.measureText(label).width;
      context.strokeStyle = context.fillStyle = important ? colours.bad : colours.faint;
      context.setLineDash([3, 3]);
      context.beginPath();
      context.moveTo(x, 6);
      context.lineTo(x, this.size.height - BOTTOM);
      context.stroke();
      context.setLineDash([]);
      if (x > free && x + width + 6 < this.size.width) {
        context.fillText(label, x + 5, 11);
        free = x + width + 10;
      } else if (x - width - 10 > free) {
        // At the right edge a label stands before its mark.
        context.fillText(label, x - width - 5, 11);
        free = x + 10;
      }
    }
  }

  // A button for each line; its value at the cursor stands in it.
  buildLegend() {
    const legend = this.figure.querySelector('.legend');
    this.entries = [];
    this.plots.forEach((plot) => {
      const row = document.createElement('div');
      (plot.lanes.length > 0 ? plot.lanes : plot.lines).forEach((line, k) => {
        const button = document.createElement('button');
        button.type = 'button';
        button.setAttribute('aria-pressed', 'true');
        const swatch = document.createElement('span');
        swatch.className = `swatch ${line.shape ?? 'area'}`;
        swatch.setAttribute('aria-hidden', 'true');
        const name = document.createElement('span');
        name.textContent = line.name;
        const note = document.createElement('small');
        note.textContent = line.note;
        button.append(swatch, name, note);
        button.addEventListener('click', () => {
          if (!plot.hidden.delete(k)) plot.hidden.add(k);
          button.setAttribute('aria-pressed', String(!plot.hidden.has(k)));
          this.group.redraw();
        });
        row.append(button);
        this.entries.push({ line, note, swatch });
      });
      legend.append(row);
    });
    this.recolour();
  }

  recolour() {
    const colours = theme();
    for (const { line, swatch } of this.entries) swatch.style.setProperty('--of', colours.colour(line.colour));
  }

  // What each line is at the cursor, or its note where there is no cursor.
  tell() {
    const at = this.group.cursor;
    for (const { line, note } of this.entries) {
      let text = line.note;
      if (at !== null && line.points && line.shape !== 'diamonds' && line.shape !== 'dots') {
        const i = firstAt(line.points.x, at + 1e-12) - 1;
        if (i >= 0) text = figure(line.points.last[i]);
      }
      if (note.textContent !== text) note.textContent = text;
    }
  }

  listen() {
    const { canvas, group } = this;
    for (const button of this.figure.querySelectorAll('[data-do]')) {
      button.addEventListener('click', () => {
        const kind = button.dataset.do;
        if (kind === 'all') group.show(0, group.end); else group.zoom(kind === 'in' ? 0.5 : 2);
      });
    }
    canvas.addEventListener('wheel', (event) => {
      if (!event.ctrlKey && !event.metaKey) return;
      event.preventDefault();
      group.zoom(event.deltaY > 0 ? 1.25 : 0.8, this.toPlace(event.offsetX));
    }, { passive: false });
    canvas.addEventListener('dblclick', () => group.show(0, group.end));
    canvas.addEventListener('keydown', (event) => {
      const width = group.view.to - group.view.from;
      const acts = {
        '+': () => group.zoom(0.5), '=': () => group.zoom(0.5), '-': () => group.zoom(2),
        '0': () => group.show(0, group.end), Home: () => group.show(0, width), End: () => group.show(group.end - width, group.end),
        ArrowLeft: () => group.move(-width / 8), ArrowRight: () => group.move(width / 8),
      };
      if (event.ctrlKey || event.metaKey || event.altKey || !acts[event.key]) return;
      event.preventDefault();
      acts[event.key]();
    });
    canvas.addEventListener('pointerdown', (event) => {
      if (event.button !== 0) return;
      canvas.setPointerCapture(event.pointerId);
      this.drag = { x: event.offsetX, from: group.view.from, to: group.view.to, moves: group.isZoomed() && !event.shiftKey };
    });
    canvas.addEventListener('pointermove', (event) => {
      if (!this.drag) {
        group.point(Math.max(group.view.from, Math.min(group.view.to, this.toPlace(event.offsetX))));
        return;
      }
      if (this.drag.moves) {
        const { left, right } = this.box(0);
        const by = (this.drag.x - event.offsetX) * (this.drag.to - this.drag.from) / (right - left);
        group.showMoved(this.drag.from, this.drag.to, by);
      } else {
        this.selected = [this.drag.x, event.offsetX];
        group.redraw();
      }
    });
    const release = (event) => {
      const drag = this.drag;
      this.drag = null;
      if (drag && this.selected && Math.abs(event.offsetX - drag.x) > 4 && event.type === 'pointerup') {
        const [a, b] = [this.toPlace(drag.x), this.toPlace(event.offsetX)];
        this.selected = null;
        group.show(Math.min(a, b), Math.max(a, b));
      }
      this.selected = null;
      group.redraw();
    };
    canvas.addEventListener('pointerup', release);
    canvas.addEventListener('pointercancel', release);
    canvas.addEventListener('pointerleave', () => group.point(null));
  }
}

// Charts that show the same part of the same axis.
class Group {
  constructor(end) {
    this.end = end;
    this.view = { from: 0, to: end };
    this.cursor = null;
    this.charts = [];
    this.pending = false;
  }

  isZoomed() { return this.view.to - this.view.from < this.end; }

  show(from, to) {
    const least = this.end / 1e5;
    from = Math.max(0, from);
    to = Math.min(this.end, to);
    // What zooming in and out again makes of the whole is the whole, but for the rounding.
    if (to - from > this.end * (1 - 1e-9)) {
      from = 0;
      to = this.end;
    }
    if (to - from < least) {
      const middle = (from + to) / 2;
      from = Math.max(0, Math.min(this.end - least, middle - least / 2));
      to = from + least;
    }
    this.view.from = from;
    this.view.to = to;
    this.redraw();
  }

  zoom(factor, around = (this.view.from + this.view.to) / 2) {
    this.show(around - (around - this.view.from) * factor, around + (this.view.to - around) * factor);
  }

  showMoved(from, to, by) {
    const moved = Math.max(-from, Math.min(this.end - to, by));
    this.show(from + moved, to + moved);
  }

  move(by) { this.showMoved(this.view.from, this.view.to, by); }

  point(at) {
    this.cursor = at;
    this.redraw();
  }

  // Once for each frame, and only what can be seen.
  redraw() {
    if (this.pending) return;
    this.pending = true;
    requestAnimationFrame(() => {
      this.pending = false;
      for (const chart of this.charts) {
        if (!chart.isVisible) continue;
        chart.draw();
        chart.tell();
      }
    });
  }

  drawAll() {
    for (const chart of this.charts) {
      chart.size = null;
      chart.recolour();
      chart.draw();
    }
  }
}
