// Light or dark: as the system has it, or as somebody chose here.
import { Icon } from "./icon.js";
import { html, signal } from "./markup.js";

const KEY = "perdure.theme";
const NEXT = { auto: "light", light: "dark", dark: "auto" };
const ICONS = { auto: "auto", light: "sun", dark: "moon" };
const WORDS = { auto: "as the system", light: "light", dark: "dark" };

const theme = signal(stored());

function stored() {
  try {
    const found = localStorage.getItem(KEY);
    return found in NEXT ? found : "auto";
  } catch {
    return "auto"; // the browser keeps nothing for this page
  }
}

theme.subscribe((value) => (document.documentElement.dataset.theme = value));

export function turnTheme() {
  theme.value = NEXT[theme.value];
  try {
    localStorage.setItem(KEY, theme.value);
  } catch {
    // it holds until the page is left
  }
}

export const ThemeButton = () => html`
  <button
    class="plain"
    onClick=${turnTheme}
    aria-label=${`Colours: ${WORDS[theme.value]}`}
    title=${`Colours: ${WORDS[theme.value]}`}
  >
    <${Icon} name=${ICONS[theme.value]} />
  </button>
`;
