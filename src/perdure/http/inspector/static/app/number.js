// Numbers as a person reads them.
const FORMAT = new Intl.NumberFormat("en");

export const grouped = (count) => FORMAT.format(count);

// `1 run`, `2,000 runs`.
export const counted = (count, noun) => (count === 1 ? `1 ${noun}` : `${grouped(count)} ${noun}s`);
