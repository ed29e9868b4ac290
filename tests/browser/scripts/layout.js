// What is laid out badly on the open page, in words; nothing if all is well.
const faults = [];
const wide = document.documentElement.scrollWidth - innerWidth;
if (wide > 0) {
  const over = [...document.querySelectorAll("body *")].filter((it) => it.getBoundingClientRect().right > innerWidth + 1).at(-1);
  faults.push(`it is ${wide} px wider than the window: ${name(over)}`);
}

function name(element) {
  if (!element) return "?";
  const own = (it) => it.tagName.toLowerCase() + [...it.classList].map((word) => `.${word}`).join("");
  const words = element.textContent.trim().replace(/\s+/g, " ").slice(0, 60);
  return `${element.parentElement ? `${own(element.parentElement)} > ` : ""}${own(element)} "${words}"`;
}

// What is meant for screen readers alone is clipped away.
const apart = (element) => element.closest(".hide, .skip, dialog, details:not([open]) > :not(summary)");
// The part of the window in which an element is seen; `x`: what scrolls can be brought there, and dots say what is cut.
const clips = new Map();
const clip = (element) => {
  if (!element) return { left: -Infinity, top: -Infinity, right: Infinity, bottom: Infinity, x: false };
  if (clips.has(element)) return clips.get(element);
  let { left, top, right, bottom, x } = clip(element.parentElement);
  const style = getComputedStyle(element);
  if (style.overflowX !== "visible" && element !== document.documentElement && element !== document.body) {
    const box = element.getBoundingClientRect();
    [left, top, right, bottom] = [Math.max(left, box.left), Math.max(top, box.top), Math.min(right, box.right), Math.min(bottom, box.bottom)];
    x = x || style.overflowX === "auto" || style.overflowX === "scroll" || style.textOverflow === "ellipsis";
  }
  const found = { left, top, right, bottom, x };
  clips.set(element, found);
  return found;
};

// Lines of text, as they are seen.
const lines = [];
const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
const range = document.createRange();
while (walker.nextNode() && lines.length < 4000) {
  const element = walker.currentNode.parentElement;
  if (!walker.currentNode.data.trim() || element.closest("svg, script, option, textarea") || apart(element)) continue;
  const style = getComputedStyle(element);
  if (!element.checkVisibility({ opacityProperty: true, visibilityProperty: true })) continue;
  const seen = clip(element);
  range.selectNodeContents(walker.currentNode);
  for (const box of range.getClientRects()) {
    if (box.width < 1 || box.height < 1) continue;
    if (!seen.x && (box.right > innerWidth + 1 || box.left < -1)) faults.push(`cut by the window: ${name(element)}`);
    const cut = !seen.x && (box.right > seen.right + 1 || box.left < seen.left - 1 || box.bottom > seen.bottom + 3);
    if (cut) faults.push(`cut by what is around it: ${name(element)}`);
    const line = { left: Math.max(box.left, seen.left), top: Math.max(box.top, seen.top), right: Math.min(box.right, seen.right), bottom: Math.min(box.bottom, seen.bottom), element };
    if (line.right > line.left && line.bottom > line.top) lines.push(line);
  }
}

// Two texts on one place cannot be read.
const sticky = (element) => { for (let it = element; it; it = it.parentElement) if (["sticky", "fixed"].includes(getComputedStyle(it).position)) return true; return false; };
lines.sort((one, other) => one.top - other.top);
for (let at = 0; at < lines.length; at++) {
  const one = lines[at];
  for (let next = at + 1; next < lines.length && lines[next].top < one.bottom - 3; next++) {
    const other = lines[next];
    const across = Math.min(one.right, other.right) - Math.max(one.left, other.left);
    const down = Math.min(one.bottom, other.bottom) - other.top;
    if (across > 3 && down > 5 && one.element !== other.element && !sticky(one.element) && !sticky(other.element)) faults.push(`${name(one.element)} lies on ${name(other.element)}`);
  }
}
return [...new Set(faults)].slice(0, 8);
