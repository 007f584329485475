import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { App } from './app';
import { ServicesProvider, wire } from './wiring';
import './styles/base.css';
import './styles/layout.css';
import './styles/admin.css';
import './styles/chat.css';
import './styles/markdown.css';
import './styles/code.css';

const services = await wire();
const root = document.getElementById('root');
if (root === null) throw new Error('no #root');
createRoot(root).render(
  <StrictMode>
    <ServicesProvider value={services}>
      <App />
    </ServicesProvider>
  </StrictMode>,
);
