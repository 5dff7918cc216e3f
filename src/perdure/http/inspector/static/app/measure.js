// How wide the page is, in words: some things are laid out otherwise on a telephone.
import { signal } from "./markup.js";

const query = matchMedia("(max-width: 720px)");

export const narrow = signal(query.matches);

query.addEventListener("change", () => (narrow.value = query.matches));
