// What stands where there is nothing (yet): what is missing, and what to do about it.
import { Icon } from "./icon.js";
import { html } from "./markup.js";

export const Empty = ({ title, children }) =>
  html`<div class="empty">
    <p class="empty-title">${title}</p>
    ${children && html`<p>${children}</p>`}
  </div>`;

export const Loading = ({ what }) =>
  html`<div class="empty" role="status"><p class="loading">Reading ${what} …</p></div>`;

export const Wrong = ({ error, onRetry }) => html`
  <div class="empty is-wrong" role="alert">
    <p class="empty-title"><${Icon} name="warning" /> ${error.message}</p>
    ${onRetry && html`<button onClick=${onRetry}>Try again</button>`}
  </div>
`;
