import { mount } from 'svelte';
import Docs from './Docs.svelte';
import './style.css';
import './theme';

mount(Docs, { target: document.getElementById('page')! });
