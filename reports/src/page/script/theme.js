// Before anything is shown: the theme that was chosen last, if this browser lets a page remember.
try {
  const chosen = localStorage.getItem('option30-theme');
  if (chosen === 'light' || chosen === 'dark') document.documentElement.dataset.theme = chosen;
} catch { /* a page opened from a file may not remember */ }
