// Dark or light: what the system wants, until somebody chooses.

export type Theme = 'auto' | 'dark' | 'light';

const KEY = 'relume-theme';

export function theme(): Theme {
  const kept = localStorage.getItem(KEY);
  return kept === 'dark' || kept === 'light' ? kept : 'auto';
}

export function setTheme(wanted: Theme) {
  localStorage.setItem(KEY, wanted);
  document.documentElement.dataset.theme = wanted;
}

document.documentElement.dataset.theme = theme();
