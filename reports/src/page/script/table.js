// Tables of many rows: search and sort.

const filter = document.getElementById('filter');
const rows = [...document.querySelectorAll('#runs-table tbody tr')];
const texts = rows.map((row) => row.textContent.toLowerCase());

filter?.addEventListener('input', () => {
  const words = filter.value.toLowerCase().split(/\s+/).filter(Boolean);
  let shown = 0;
  rows.forEach((row, k) => {
    row.hidden = !words.every((word) => texts[k].includes(word));
    if (!row.hidden) shown++;
  });
  document.getElementById('filtered').textContent = words.length > 0 ? `${shown} of ${rows.length} rows` : '';
});

for (const button of document.querySelectorAll('[data-sort]')) {
  button.addEventListener('click', () => {
    const header = button.closest('th'), column = header.cellIndex;
    const down = header.getAttribute('aria-sort') === 'ascending';
    for (const other of header.parentElement.children) other.setAttribute('aria-sort', 'none');
    header.setAttribute('aria-sort', down ? 'descending' : 'ascending');
    const value = (row) => row.cells[column].dataset.value;
    const order = (a, b) => {
      const [x, y] = [value(a), value(b)];
      const asNumbers = Number(x) - Number(y);
      return Number.isNaN(asNumbers) ? x.localeCompare(y) : asNumbers;
    };
    const sorted = [...rows].sort((a, b) => (down ? -order(a, b) : order(a, b)));
    header.closest('table').tBodies[0].append(...sorted);
  });
}
