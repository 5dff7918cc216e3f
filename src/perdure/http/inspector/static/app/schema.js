// A value held against a JSON schema, as msgspec writes them: enough to say early what won't fit. The server decides. Pure.
const TYPES = {
  object: (value) => typeof value === "object" && value !== null && !Array.isArray(value),
  array: Array.isArray,
  string: (value) => typeof value === "string",
  number: (value) => typeof value === "number",
  integer: Number.isInteger,
  boolean: (value) => typeof value === "boolean",
  null: (value) => value === null,
};
const DEPTH = 32;

const same = (a, b) => JSON.stringify(a) === JSON.stringify(b);
const typesOf = (schema) => (schema.type === undefined ? null : [schema.type].flat());

export function resolved(schema, root) {
  let found = schema;
  for (let turns = 0; found?.$ref && turns < DEPTH; turns += 1) {
    found = found.$ref
      .replace(/^#\/?/, "")
      .split("/")
      .filter(Boolean)
      .reduce((at, name) => at?.[name.replaceAll("~1", "/").replaceAll("~0", "~")], root);
  }
  return found ?? {};
}

// The first misfit as `$.path: what is wrong`, or null.
export function misfit(value, schema, root = schema, path = "$", depth = 0) {
  const rule = resolved(schema, root);
  if (rule === true || depth > DEPTH) return null;
  const types = typesOf(rule);
  if (types && !types.some((type) => TYPES[type]?.(value) ?? true)) return `${path}: expected ${types.join(" or ")}`;
  if (rule.const !== undefined && !same(rule.const, value)) return `${path}: expected ${JSON.stringify(rule.const)}`;
  if (rule.enum && !rule.enum.some((one) => same(one, value)))
    return `${path}: expected one of ${rule.enum.map((one) => JSON.stringify(one)).join(", ")}`;
  for (const options of [rule.anyOf, rule.oneOf]) {
    if (!options) continue;
    const all = options.map((one) => misfit(value, one, root, path, depth + 1));
    if (all.every(Boolean))
      return all.find((one) => !one.startsWith(`${path}: expected`)) ?? `${path}: fits none of ${options.length} forms`;
  }
  for (const one of rule.allOf ?? []) {
    const found = misfit(value, one, root, path, depth + 1);
    if (found) return found;
  }
  if (TYPES.object(value)) return ofObject(value, rule, root, path, depth);
  if (Array.isArray(value)) return ofArray(value, rule, root, path, depth);
  return typeof value === "number"
    ? ofNumber(value, rule, path)
    : typeof value === "string"
      ? ofString(value, rule, path)
      : null;
}

function ofObject(value, rule, root, path, depth) {
  const missing = (rule.required ?? []).find((name) => !Object.hasOwn(value, name));
  if (missing !== undefined) return `${path}: ${JSON.stringify(missing)} is missing`;
  for (const [name, one] of Object.entries(value)) {
    const inner =
      rule.properties && Object.hasOwn(rule.properties, name) ? rule.properties[name] : rule.additionalProperties;
    if (inner === false) return `${path}: ${JSON.stringify(name)} isn't known`;
    const found = typeof inner === "object" ? misfit(one, inner, root, `${path}.${name}`, depth + 1) : null;
    if (found) return found;
  }
  return null;
}

function ofArray(value, rule, root, path, depth) {
  if (value.length < (rule.minItems ?? 0)) return `${path}: at least ${rule.minItems} items`;
  if (value.length > (rule.maxItems ?? Infinity)) return `${path}: at most ${rule.maxItems} items`;
  for (const [index, one] of value.entries()) {
    const inner = rule.prefixItems?.[index] ?? rule.items;
    const found = typeof inner === "object" ? misfit(one, inner, root, `${path}[${index}]`, depth + 1) : null;
    if (found) return found;
  }
  return null;
}

function ofNumber(value, rule, path) {
  if (value < (rule.minimum ?? -Infinity)) return `${path}: at least ${rule.minimum}`;
  if (value > (rule.maximum ?? Infinity)) return `${path}: at most ${rule.maximum}`;
  if (value <= (rule.exclusiveMinimum ?? -Infinity)) return `${path}: more than ${rule.exclusiveMinimum}`;
  if (value >= (rule.exclusiveMaximum ?? Infinity)) return `${path}: less than ${rule.exclusiveMaximum}`;
  return null;
}

function ofString(value, rule, path) {
  if (value.length < (rule.minLength ?? 0)) return `${path}: at least ${rule.minLength} characters`;
  if (value.length > (rule.maxLength ?? Infinity)) return `${path}: at most ${rule.maxLength} characters`;
  return null;
}

// A value to begin with: required fields, each as empty as its type allows.
export function blank(schema, root = schema, depth = 0) {
  const rule = resolved(schema, root);
  if (depth > 5) return null;
  if (rule.default !== undefined) return rule.default;
  if (rule.const !== undefined) return rule.const;
  if (rule.enum) return rule.enum[0];
  const option = (rule.anyOf ?? rule.oneOf)?.[0];
  if (option) return blank(option, root, depth + 1);
  const type = typesOf(rule)?.[0] ?? (rule.properties ? "object" : null);
  if (type !== "object") return { array: [], string: "", number: 0, integer: 0, boolean: false }[type] ?? null;
  const names = rule.required ?? Object.keys(rule.properties ?? {});
  return Object.fromEntries(names.map((name) => [name, blank(rule.properties?.[name] ?? {}, root, depth + 1)]));
}
