import { mount } from 'svelte';

import './app.css';
import App from './App.svelte';
import { speech } from './lib/language.svelte';
import { appearance } from './lib/theme.svelte';

appearance.apply();
speech.begin().then(
  () => mount(App, { target: document.body }),
  () => (document.body.textContent = 'Restock could not be loaded. Load this page again.'),
);
