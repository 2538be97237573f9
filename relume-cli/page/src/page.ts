import { mount } from 'svelte';
import App from './App.svelte';
import './style.css';
import './theme';

mount(App, { target: document.getElementById('page')! });
