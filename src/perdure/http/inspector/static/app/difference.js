// What two texts share and what they don't, word by word. Pure.
const WORDS = /[\p{L}\p{N}_]+|\s+|[^]/gu;
const MOST = 400; // words of a text: beyond, all counts as different

// Both texts as lists of `[text, shared]`.
export function difference(left, right) {
  const [a, b] = [left.match(WORDS) ?? [], right.match(WORDS) ?? []];
  if (a.length > MOST || b.length > MOST) return [[[left, left === right]], [[right, left === right]]];
  const most = Array.from({ length: a.length + 1 }, () => new Uint16Array(b.length + 1)); // shared words from here on
  for (let i = a.length - 1; i >= 0; i -= 1) {
    for (let j = b.length - 1; j >= 0; j -= 1) {
      most[i][j] = a[i] === b[j] ? most[i + 1][j + 1] + 1 : Math.max(most[i + 1][j], most[i][j + 1]);
    }
  }
  const sides = [[], []];
  let [i, j] = [0, 0];
  while (i < a.length || j < b.length) {
    if (i < a.length && j < b.length && a[i] === b[j]) {
      add(sides[0], a[i], true);
      add(sides[1], b[j], true);
      i += 1;
      j += 1;
    } else if (j >= b.length || (i < a.length && most[i + 1][j] >= most[i][j + 1])) add(sides[0], a[i++], false);
    else add(sides[1], b[j++], false);
  }
  return sides;
}

function add(side, text, shared) {
  if (side.length && side.at(-1)[1] === shared) side.at(-1)[0] += text;
  else side.push([text, shared]);
}
