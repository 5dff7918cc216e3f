// Small drawings. Shapes differ as well as colours, so that a status can be told without seeing colours.
import { html } from "./markup.js";

const PATHS = {
  completed: html`<circle cx="8" cy="8" r="7" class="fill" /><path d="m4.9 8.3 2.1 2.1 4.1-4.6" class="cut" />`,
  failed: html`<path d="M5.1 1h5.8L15 5.1v5.8L10.9 15H5.1L1 10.9V5.1Z" class="fill" /><path
      d="m5.6 5.6 4.8 4.8m0-4.8-4.8 4.8"
      class="cut"
    />`,
  running: html`<circle cx="8" cy="8" r="6" class="faint" /><path d="M8 2a6 6 0 0 1 6 6" class="line spin" />`,
  waiting: html`<path d="M4 2h8M4 14h8M5 2v2.2L8 8l3-3.8V2M5 14v-2.2L8 8l3 3.8V14" class="line" />`,
  pending: html`<circle cx="8" cy="8" r="6" class="line dashed" />`,
  cancelled: html`<circle cx="8" cy="8" r="6" class="line" /><path d="M4 12 12 4" class="line" />`,
  blocked: html`<path d="M8 1.2 15.4 14.4H.6Z" class="fill" /><path d="M8 6v4M8 12.1v.3" class="cut" />`,
  retrying: html`<path d="M13.5 8A5.5 5.5 0 1 1 11.6 3.8" class="line" /><path d="M12 .8v3.4H8.6" class="line" />`,
  interrupted: html`<path d="M9.2 1 3.6 9h4l-1 6 5.8-8.2h-4Z" class="fill" />`,
  step: html`<rect x="1.5" y="5" width="13" height="6" rx="1.5" class="fill" />`,
  sleep: html`<circle cx="8" cy="8" r="6" class="line" /><path d="M8 4.5V8l2.4 1.6" class="line" />`,
  timeout: html`<circle cx="8" cy="9" r="5.4" class="line" /><path d="M8 6.2V9M6.2 1.2h3.6" class="line" />`,
  hook: html`<path d="M8 1.5 14.5 8 8 14.5 1.5 8Z" class="line" />`,
  child: html`<path d="M3 2v6.5A2.5 2.5 0 0 0 5.5 11H12M9.4 8l3 3-3 3" class="line" />`,
  lock: html`<rect x="3" y="7" width="10" height="7.5" rx="1.5" class="fill" /><path
      d="M5.2 7V4.8a2.8 2.8 0 0 1 5.6 0V7"
      class="line"
    />`,
  search: html`<circle cx="7" cy="7" r="4.7" class="line" /><path d="m10.6 10.6 4 4" class="line" />`,
  close: html`<path d="m3.5 3.5 9 9m0-9-9 9" class="line" />`,
  copy: html`<rect x="5" y="5" width="9" height="9.5" rx="1.5" class="line" /><path
      d="M11 5V3a1.5 1.5 0 0 0-1.5-1.5H3.5A1.5 1.5 0 0 0 2 3v7a1.5 1.5 0 0 0 1.5 1.5H5"
      class="line"
    />`,
  sun: html`<circle cx="8" cy="8" r="3" class="line" /><path
      d="M8 .8v1.7M8 13.5v1.7M.8 8h1.7M13.5 8h1.7M2.9 2.9l1.2 1.2M11.9 11.9l1.2 1.2M2.9 13.1l1.2-1.2M11.9 4.1l1.2-1.2"
      class="line"
    />`,
  moon: html`<path d="M13.5 9.6A6 6 0 0 1 6.4 2.5a6 6 0 1 0 7.1 7.1Z" class="line" />`,
  auto: html`<circle cx="8" cy="8" r="6.2" class="line" /><path d="M8 1.8a6.2 6.2 0 0 1 0 12.4Z" class="fill" />`,
  chevron: html`<path d="m5.5 3.5 4.5 4.5-4.5 4.5" class="line" />`,
  tool: html`<path
    d="M10.2 2.2a3.6 3.6 0 0 0-3.4 4.9L2 11.9 4.1 14l4.8-4.8a3.6 3.6 0 0 0 4.7-4.6l-2.2 2.2-2-.6-.6-2Z"
    class="line"
  />`,
  warning: html`<path d="M8 2 14.5 13.5h-13Z" class="line" /><path d="M8 6.5v3M8 11.5v.3" class="line" />`,
};

export const Icon = ({ name }) =>
  html`<svg class=${`icon icon-${name}`} viewBox="0 0 16 16" width="16" height="16" aria-hidden="true">
    ${PATHS[name]}
  </svg>`;
