// Everything here makes a page nicer; nothing here is needed to read or use it.
"use strict";

// Times: the viewer's own on hover.
const localise = (root) => {
  for (const time of root.querySelectorAll("time[datetime]:not([title])")) {
    const at = new Date(time.dateTime);
    if (!Number.isNaN(at.valueOf())) time.title = `${at.toLocaleString()} (your time)\n${time.dateTime}`;
  }
};

// Search: rows whose text has every word.
const search = () => {
  const box = document.querySelector("[data-search]");
  if (!box) return;
  const words = box.value.toLowerCase().split(/\s+/).filter(Boolean);
  for (const row of document.querySelectorAll("[data-row]")) {
    const text = row.dataset.row.toLowerCase();
    row.hidden = !words.every((word) => text.includes(word));
  }
};

// Live: the page is asked for again when something on it changed, and only parts that differ are replaced.
let busy = false;
let again = false;
const refresh = async () => {
  if (busy) { again = true; return; }
  busy = true;
  try {
    const answer = await fetch(location.href, { headers: { accept: "text/html" } });
    if (!answer.ok) return;
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
    for (const part of document.querySelectorAll("[data-part]")) {
      const next = fresh.querySelector(`[data-part="${part.dataset.part}"]`);
      if (next && next.innerHTML !== part.dataset.was) swap(part, next);
    }
    // Another try has begun: its log is another stream.
    const tried = (page) => page.querySelector("[data-try]")?.dataset.try;
    if (tried(fresh) !== tried(document) && !document.activeElement.matches("input, select, textarea")) location.reload();
    const main = fresh.querySelector("main");
    if (main) Object.assign(document.querySelector("main").dataset, main.dataset);
    document.title = fresh.title;
    search();
  } catch { /* the stream says when the server is back */ } finally {
    busy = false;
    if (again) { again = false; setTimeout(refresh, 500); }
  }
};
const swap = (part, next) => {
  if (part.contains(document.activeElement) && document.activeElement.matches("input, select, textarea")) return;
  const scrolled = [...part.querySelectorAll(".grid, .graph, .panel, pre")].map((it) => [it.scrollLeft, it.scrollTop]);
  part.innerHTML = next.innerHTML;
  part.dataset.was = next.innerHTML;
  [...part.querySelectorAll(".grid, .graph, .panel, pre")].forEach((it, at) => {
    if (scrolled[at]) [it.scrollLeft, it.scrollTop] = scrolled[at];
  });
  localise(part);
};
const listen = () => {
  const main = document.querySelector("main[data-seq]");
  if (!main) return;
  for (const part of document.querySelectorAll("[data-part]")) part.dataset.was = part.innerHTML;
  const shown = (name) => new Set((main.dataset[name] ?? "").split(" ").filter(Boolean));
  streamed(() => `/events?since=${main.dataset.seq}`, (data) => {
    const { all, runs, dags } = JSON.parse(data);
    const [ourRuns, ourDags] = [shown("runs"), shown("dags")];
    const ours = all || ourDags.has("*") || runs.some((run) => ourRuns.has(`${run}`)) || dags.some((dag) => ourDags.has(dag));
    if (ours) refresh();
  });
};

// A browser has six connections to a server. A page that was left or lies behind others gives its own back, looks
// now and then, and catches up when it is seen again.
const streamed = (address, take) => {
  let source = null;
  let looking = 0;
  const open = () => {
    clearInterval(looking);
    source ??= new EventSource(address());
    source.onmessage = ({ data }) => take(data);
  };
  const close = () => { source?.close(); source = null; };
  const hide = () => { close(); clearInterval(looking); looking = setInterval(refresh, 60000); };
  document.addEventListener("visibilitychange", () => (document.hidden ? hide() : open()));
  addEventListener("pagehide", () => { close(); clearInterval(looking); });
  addEventListener("pageshow", ({ persisted }) => { if (persisted) open(); });
  if (document.hidden) hide(); else open();
};

// A log that still grows: text is added where it ends; the view follows while it is at the end.
const follow = () => {
  const log = document.querySelector("[data-follow]");
  if (!log) return;
  const source = new EventSource(log.dataset.follow);
  source.onmessage = ({ data }) => {
    const atEnd = innerHeight + scrollY >= document.documentElement.scrollHeight - 40;
    for (const [classes, text] of JSON.parse(data)) {
      const piece = classes ? document.createElement("span") : document.createTextNode(text);
      if (classes) { piece.className = classes; piece.textContent = text; }
      log.append(piece);
    }
    if (atEnd) scrollTo(0, document.documentElement.scrollHeight);
  };
  source.addEventListener("end", () => { source.close(); refresh(); });
  addEventListener("pagehide", () => source.close());
  addEventListener("pageshow", ({ persisted }) => { if (persisted) location.reload(); });
};

localise(document);
search();
document.querySelector("[data-search]")?.addEventListener("input", search);
document.addEventListener("keydown", (event) => {
  const box = document.querySelector("[data-search]");
  if (event.key === "/" && box && !event.target.matches("input, select, textarea")) { event.preventDefault(); box.focus(); }
});
document.addEventListener("submit", (event) => {
  const question = event.target.dataset.ask;
  if (question && !confirm(question)) event.preventDefault();
});
listen();
follow();
