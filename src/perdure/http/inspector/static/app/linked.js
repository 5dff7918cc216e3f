// Texts in which ids of runs are links.
import { html } from "./markup.js";
import { runHref } from "./route.js";

const RUN_ID = /(wrun_[0-9A-HJKMNP-TV-Z]{26})/;

export const Linked = ({ text }) =>
  (text ?? "").split(RUN_ID).map((part) => (RUN_ID.test(part) ? html`<a href=${runHref(part)}>${part}</a>` : part));
