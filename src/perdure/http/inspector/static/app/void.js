// Which chunks are void: where a step was tried again, those that its earlier attempts have written. Pure.
export function voidAmong(chunks) {
  const last = new Map();
  for (const { stepId, attempt } of chunks)
    if (stepId !== null) last.set(stepId, Math.max(last.get(stepId) ?? 0, attempt));
  return ({ stepId, attempt }) => stepId !== null && attempt < last.get(stepId);
}
