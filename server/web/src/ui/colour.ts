/** A colour of the style sheet as it is now, light or dark, for what is drawn and not styled. */
export function colour(name: string): string {
  const probe = document.createElement('i');
  probe.style.color = `var(${name})`;
  document.documentElement.append(probe);
  const now = getComputedStyle(probe).color;
  probe.remove();
  return now;
}
