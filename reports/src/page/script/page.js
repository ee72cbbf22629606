// What is not a chart: the theme, the choice of a connection, copying, printing.

const groups = [];

function build() {
  const element = document.getElementById('data');
  if (!element) return;
  const seen = new IntersectionObserver((entries) => {
    for (const { target, isIntersecting } of entries) {
      target.chart.isVisible = isIntersecting;
      if (isIntersecting) target.chart.group.redraw();
    }
  });
  JSON.parse(element.textContent).forEach(({ charts }, k) => {
    const ofConnection = new Map();
    charts.forEach((data, j) => {
      const figure = document.getElementById(`chart-${k}-${j}`);
      const key = `${data.label} ${data.end}`;
      if (!ofConnection.has(key)) ofConnection.set(key, new Group(data.end));
      const group = ofConnection.get(key);
      const chart = new Chart(figure, data, group);
      group.charts.push(chart);
      figure.chart = chart;
      seen.observe(figure);
    });
    groups.push(...ofConnection.values());
  });
}

const THEMES = ['system', 'light', 'dark'];

function nameTheme() {
  const chosen = document.documentElement.dataset.theme ?? 'system';
  document.querySelector('#theme .word').textContent = `Theme: ${chosen}`;
}

function showTheme() {
  nameTheme();
  groups.forEach((group) => group.drawAll());
}

document.getElementById('theme').addEventListener('click', () => {
  const root = document.documentElement;
  const next = THEMES[(THEMES.indexOf(root.dataset.theme ?? 'system') + 1) % THEMES.length];
  if (next === 'system') delete root.dataset.theme; else root.dataset.theme = next;
  try { localStorage.setItem('option30-theme', next); } catch { /* not from a file, in some browsers */ }
  showTheme();
});
matchMedia('(prefers-color-scheme: dark)').addEventListener('change', showTheme);

document.getElementById('connection')?.addEventListener('change', ({ target }) => {
  for (const part of document.querySelectorAll('.connection')) part.hidden = part.dataset.connection !== target.value;
});

document.getElementById('language')?.addEventListener('change', ({ target }) => {
  for (const part of document.querySelectorAll('.told')) part.hidden = part.lang !== target.value;
});

for (const button of document.querySelectorAll('[data-copy]')) {
  button.addEventListener('click', async () => {
    const source = document.getElementById(button.dataset.copy);
    try {
      await navigator.clipboard.writeText(source.textContent);
    } catch {
      getSelection().selectAllChildren(source);
      document.execCommand('copy');
    }
    button.textContent = 'Copied';
    setTimeout(() => { button.textContent = 'Copy'; }, 1500);
  });
}

// On paper there is nothing to open or to choose: every text, and the charts of every connection.
let reopened = [], unhidden = [];
addEventListener('beforeprint', () => {
  reopened = [...document.querySelectorAll('details:not([open])')];
  reopened.forEach((details) => { details.open = true; });
  unhidden = [...document.querySelectorAll('.connection[hidden]')];
  unhidden.forEach((part) => { part.hidden = false; });
  document.documentElement.classList.add('printing');
  groups.forEach((group) => group.drawAll());
});
addEventListener('afterprint', () => {
  reopened.forEach((details) => { details.open = false; });
  unhidden.forEach((part) => { part.hidden = true; });
  document.documentElement.classList.remove('printing');
  groups.forEach((group) => group.drawAll());
});
addEventListener('resize', () => groups.forEach((group) => group.redraw()));

// In ms. A page opens with its charts, but a large one keeps no frame waiting for them.
const AT_ONCE = 25;

function drawFirst(charts, until) {
  while (charts.length > 0 && performance.now() < until) charts.shift().draw();
  if (charts.length > 0) setTimeout(() => drawFirst(charts, performance.now() + AT_ONCE));
  else document.documentElement.dataset.ready = 'yes';
}

const began = performance.now();
build();
nameTheme();
drawFirst(groups.flatMap((group) => group.charts), began + AT_ONCE);
