export type Theme = 'system' | 'light' | 'dark';

const KEPT = 'restock.theme';

class Appearance {
  theme = $state<Theme>((localStorage.getItem(KEPT) as Theme | null) ?? 'system');

  set(theme: Theme): void {
    this.theme = theme;
    localStorage.setItem(KEPT, theme);
    this.apply();
  }

  /** The page follows the system unless it is told otherwise. */
  apply(): void {
    if (this.theme === 'system') delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = this.theme;
  }
}

export const appearance = new Appearance();
