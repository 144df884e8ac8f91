import { mount } from 'svelte';

import './app.css';
import App from './App.svelte';
import { appearance } from './lib/theme.svelte';

appearance.apply();
mount(App, { target: document.body });
