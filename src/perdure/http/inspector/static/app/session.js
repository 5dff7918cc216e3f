// Who looks at which world, and what they may do.
import { ask } from "./api.js";
import { setClock } from "./clock.js";
import { revival } from "./connection.js";
import { effect, signal } from "./markup.js";

export const session = signal(null);

export const mayAct = () => session.value !== null && session.value.mayAct && !session.value.readOnly;

// Read at the start, and whenever the server is back.
effect(() => {
  revival.value;
  ask("session").then(
    (found) => {
      session.value = found;
      setClock(found.now);
    },
    () => {}, // the banner says it
  );
});
