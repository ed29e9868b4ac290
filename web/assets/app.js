// Everything here makes a page nicer; nothing here is needed to read or use it.
"use strict";

// Times: the viewer's own in sight, those of the DAG's clocks and UTC on hover, or in sight with `z`. What stands under
// UTC stays so.
const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
let turned = false;
const moment = (at, fine) => {
  const year = at.getFullYear() === new Date().getFullYear() ? "" : ` ${at.getFullYear()}`;
  return `${at.getDate()} ${at.toLocaleString("en", { month: "short" })}${year} ${at.toTimeString().slice(0, 8)}${fine ? `.${`${at.getMilliseconds()}`.padStart(3, "0")}` : ""}`;
};
const show = (time) => { time.textContent = turned ? time.title.split("\n")[0] : time.dataset.own; };
const turn = () => {
  turned = !turned;
  document.querySelectorAll("time[data-own]").forEach(show);
};
const localise = (root) => {
  for (const time of root.querySelectorAll("time[datetime]:not([data-own])")) {
    const at = new Date(time.dateTime);
    if (Number.isNaN(at.valueOf())) continue;
    time.title ||= `${time.textContent} UTC`;
    const stays = time.closest("[data-utc]");
    if (stays) time.title += `\n${moment(at)} ${zone}`;
    time.dataset.own = stays ? time.textContent : moment(at, "fine" in time.dataset);
    show(time);
  }
  for (const hour of root.querySelectorAll("[data-hour]")) {
    const at = new Date(hour.dataset.hour);
    if (!Number.isNaN(at.valueOf())) hour.textContent = hour.textContent.replace(/\d\d:\d\d$/, at.toTimeString().slice(0, 5));
  }
  for (const said of root.querySelectorAll("[data-zone]")) said.textContent = `Times are yours (${zone}), the DAG's on hover or with z; forms take UTC unless named`;
};

// Graphs: larger and smaller by buttons, keys, or Ctrl and the wheel; dragged about. Arrows scroll as everywhere.
// Until one of them is used the style makes it fit.
let scale = null;
const dress = (root) => {
  if (scale === null) return;
  for (const svg of root.querySelectorAll(".graph .drawing")) {
    const { width, height } = svg.viewBox.baseVal;
    svg.parentElement.classList.add("zoomed");
    svg.setAttribute("width", width * scale);
    svg.setAttribute("height", height * scale);
  }
};
const zoom = (by, at) => {
  const box = document.querySelector(".graph");
  if (!box) return;
  const svg = box.querySelector(".drawing");
  const { width, height } = svg.viewBox.baseVal;
  const [x, y] = at ?? [box.clientWidth / 2, box.clientHeight / 2];
  const was = scale ?? svg.getBoundingClientRect().width / width;
  const whole = Math.min((box.clientWidth - 24) / width, (innerHeight * 0.7) / height, 1.5);
  scale = by ? Math.min(Math.max(was * by, 0.1), 4) : whole;
  const [left, top] = [(box.scrollLeft + x) * scale / was - x, (box.scrollTop + y) * scale / was - y];
  dress(document);
  box.scrollTo(left, top);
};
document.addEventListener("click", ({ target }) => {
  const by = target.closest("[data-zoom]")?.dataset.zoom;
  if (by) zoom(Number(by));
});
document.addEventListener("wheel", (event) => {
  const box = event.target.closest(".graph");
  if (!box || !(event.ctrlKey || event.metaKey)) return;
  event.preventDefault();
  const edge = box.getBoundingClientRect();
  zoom(event.deltaY < 0 ? 1.15 : 1 / 1.15, [event.clientX - edge.left, event.clientY - edge.top]);
}, { passive: false });
let drag = null;
document.addEventListener("pointerdown", (event) => {
  const box = event.target.closest(".graph");
  if (box && event.button === 0 && event.pointerType === "mouse") drag = { box, x: event.clientX, y: event.clientY, far: false };
});
document.addEventListener("pointermove", ({ clientX, clientY }) => {
  if (!drag) return;
  drag.far ||= Math.hypot(clientX - drag.x, clientY - drag.y) > 4;
  if (!drag.far) return;
  drag.box.scrollBy(drag.x - clientX, drag.y - clientY);
  [drag.x, drag.y] = [clientX, clientY];
});
document.addEventListener("pointerup", () => {
  // What was dragged is not pressed.
  const stop = (event) => event.preventDefault();
  if (drag?.far) {
    addEventListener("click", stop, true);
    setTimeout(() => removeEventListener("click", stop, true));
  }
  drag = null;
});
document.addEventListener("dragstart", (event) => { if (event.target.closest(".graph")) event.preventDefault(); });

// The sign in the tab: red where something on the page failed, blue while something runs.
const sign = () => {
  const icon = document.querySelector("link[rel=icon]");
  const states = document.querySelector("main .head .state") ? "main .head .state" : "main [data-part=tonight] .state";
  const is = (state) => document.querySelector(`${states}.${state}`);
  const name = is("failed") ? "moon-failed" : is("running") ? "moon-running" : "moon";
  if (icon) icon.href = icon.href.replace(/moon[a-z-]*\.svg/, `${name}.svg`);
};

// Rows: j and k go down and up; the first link of a row has the focus, so Enter opens it.
const step = (by) => {
  const rows = [...document.querySelectorAll("main tbody tr")].filter((row) => row.checkVisibility() && row.querySelector("a[href]"));
  const at = rows.findIndex((row) => row.contains(document.activeElement));
  const next = at < 0 ? (by > 0 ? 0 : rows.length - 1) : Math.min(Math.max(at + by, 0), rows.length - 1);
  rows[next]?.querySelector("a[href]").focus();
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

// A page that cannot be asked for says so, and from when it is.
let seen = new Date();
const away = (is) => {
  let said = document.querySelector("#away");
  if (!is) { seen = new Date(); said?.remove(); return; }
  if (said) return;
  said = Object.assign(document.createElement("p"), { id: "away", className: "note bad", role: "alert" });
  said.textContent = `The server does not answer. This is how things stood at ${seen.toTimeString().slice(0, 8)}.`;
  document.querySelector("main")?.prepend(said);
};

// Each part as the server sent it, before times became the viewer's.
const was = new WeakMap([...document.querySelectorAll("[data-part]")].map((part) => [part, part.innerHTML]));
// Live: the page is asked for again when something on it changed, and only parts that differ are replaced.
let busy = false;
let again = false;
const refresh = async () => {
  if (busy) { again = true; return; }
  busy = true;
  try {
    const answer = await fetch(location.href, { headers: { accept: "text/html" } });
    // Whoever is not logged in any more is asked to, here and now: what stands here would only grow older.
    if (answer.redirected && new URL(answer.url).pathname === "/login") { location.reload(); return; }
    away(answer.status >= 500 || answer.status === 429);
    if (!answer.ok) return;
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
    for (const part of document.querySelectorAll("[data-part]")) {
      const next = fresh.querySelector(`[data-part="${part.dataset.part}"]`);
      if (next && next.innerHTML !== was.get(part)) swap(part, next);
    }
    // Another try has begun: its log is another stream.
    const tried = (page) => page.querySelector("[data-try]")?.dataset.try;
    if (tried(fresh) !== tried(document) && !document.activeElement.matches("input, select, textarea")) location.reload();
    const main = fresh.querySelector("main");
    if (main) Object.assign(document.querySelector("main").dataset, main.dataset);
    document.title = fresh.title;
    sign();
    search();
  } catch { away(true); } finally {
    busy = false;
    if (again) { again = false; setTimeout(refresh, 500); }
  }
};
const swap = (part, next) => {
  if (part.contains(document.activeElement) && document.activeElement.matches("input, select, textarea")) return;
  const scrolled = [...part.querySelectorAll(".grid, .graph, .panel, pre")].map((it) => [it.scrollLeft, it.scrollTop]);
  // Who has the focus, and what is open, stays so: things are known by where they lead, or by what they say.
  const about = (it) => it.closest("details")?.querySelector("input[type=hidden]:not([name=csrf])")?.value;
  const known = (it) => it.getAttribute("href") ?? `${about(it) ?? ""} ${it.getAttribute("aria-label") ?? it.textContent}`;
  const focus = part.contains(document.activeElement) ? known(document.activeElement) : null;
  const open = new Set([...part.querySelectorAll("details[open] > summary")].map(known));
  const ticked = new Set([...part.querySelectorAll("input[form]:checked")].map((it) => it.value));
  part.innerHTML = next.innerHTML;
  for (const it of part.querySelectorAll("input[form]")) it.checked = ticked.has(it.value);
  for (const it of part.querySelectorAll("summary")) if (open.has(known(it))) it.parentElement.open = true;
  if (focus !== null) [...part.querySelectorAll("a[href], button, summary, .graph")].find((it) => known(it) === focus)?.focus({ preventScroll: true });
  was.set(part, next.innerHTML);
  dress(part);
  [...part.querySelectorAll(".grid, .graph, .panel, pre")].forEach((it, at) => {
    if (scrolled[at]) [it.scrollLeft, it.scrollTop] = scrolled[at];
  });
  localise(part);
};
const listen = () => {
  const main = document.querySelector("main[data-seq]");
  if (!main) return;
  look();
  const shown = (name) => new Set((main.dataset[name] ?? "").split(" ").filter(Boolean));
  streamed(() => `/events?since=${main.dataset.seq}`, (data) => {
    const { all, runs, dags } = JSON.parse(data);
    const [ourRuns, ourDags] = [shown("runs"), shown("dags")];
    const ours = all || ourDags.has("*") || runs.some((run) => ourRuns.has(`${run}`)) || dags.some((dag) => ourDags.has(dag));
    if (ours) refresh();
  });
};

// A browser has six connections to a server. A page that was left or lies behind others gives its own back, and goes on
// where it was when it is seen again.
const streamed = (address, take, ended = () => {}) => {
  let source = null;
  let over = false;
  const close = () => { source?.close(); source = null; };
  const open = () => {
    if (source || over) return;
    source = new EventSource(address());
    source.onopen = () => { if (document.querySelector("#away")) refresh(); };
    source.onmessage = ({ data, lastEventId }) => take(data, lastEventId);
    source.addEventListener("end", () => { over = true; close(); ended(); });
    // Whether the server is away, a look tells: it may have no place for one more stream. A browser comes back by itself
    // after a broken line, and never after a refusal.
    source.onerror = () => {
      refresh();
      if (source?.readyState !== EventSource.CLOSED) return;
      close();
      setTimeout(() => { if (!document.hidden) open(); }, 5000);
    };
  };
  document.addEventListener("visibilitychange", () => (document.hidden ? close() : open()));
  addEventListener("pagehide", close);
  addEventListener("pageshow", ({ persisted }) => { if (persisted) open(); });
  if (!document.hidden) open();
};

// Each page looks once a minute: what is "in 5m" comes nearer though nothing happens.
const look = () => {
  let looking = setInterval(refresh, 60000);
  addEventListener("pagehide", () => clearInterval(looking));
  addEventListener("pageshow", ({ persisted }) => { if (persisted) { refresh(); looking = setInterval(refresh, 60000); } });
};

// A log that still grows: text is added where it ends; its box follows while it is at the end. Lines beyond so many
// leave the page, not the log.
const LINES = 5000;
const follow = () => {
  const log = document.querySelector("[data-follow]");
  if (!log) return;
  // The number of the line that comes next; 0: nobody knows. The line that has not ended yet, if there is one.
  let number = Number(log.dataset.next);
  let line = "open" in log.dataset ? log.lastElementChild : null;
  if (line && number) number += 1;
  const begin = () => {
    const fresh = log.appendChild(document.createElement("span"));
    const place = fresh.appendChild(document.createElement("a"));
    [fresh.className, place.className, place.tabIndex, place.ariaHidden] = ["l", "n", -1, "true"];
    if (number) {
      const to = new URL(location.href);
      to.search = `?attempt=${to.searchParams.get("attempt") ?? document.querySelector("[data-try]").dataset.try}&line=${number}`;
      [fresh.id, place.dataset.n, place.href] = [`L${number}`, number, `${to.pathname}${to.search}#L${number}`];
      number += 1;
    }
    return fresh;
  };
  const add = (classes, text) => {
    line ??= begin();
    const piece = line.appendChild(document.createElement("span"));
    [piece.className, piece.textContent] = [classes, text.replaceAll("\r", "\n")];
  };
  let last = "";
  const address = () => {
    const from = new URL(log.dataset.follow, location.href);
    if (last) from.searchParams.set("from", last);
    return from;
  };
  streamed(address, (data, upTo) => {
    last = upTo;
    for (const [classes, text] of JSON.parse(data)) {
      if (text === "\n") { line ??= begin(); line = null; } else add(classes, text);
    }
    while (log.childElementCount > LINES) log.firstElementChild.remove();
  }, refresh);
};

document.documentElement.classList.add("script");
localise(document);
dress(document);
sign();
search();
document.querySelector("[data-search]")?.addEventListener("input", search);
document.addEventListener("keydown", (event) => {
  const typing = event.target.matches("input:not([type=checkbox], [type=radio]), select, textarea") || document.querySelector("dialog[open]");
  if (typing || event.ctrlKey || event.metaKey || event.altKey) return;
  const keys = {
    "/": () => document.querySelector("[data-search], main input[type=search]")?.focus(),
    "?": () => document.querySelector("#keys")?.showModal(),
    j: () => step(1),
    k: () => step(-1),
    z: turn,
    "+": () => zoom(1.25),
    "-": () => zoom(0.8),
    0: () => zoom(0),
  };
  if (!Object.hasOwn(keys, event.key)) return;
  event.preventDefault();
  keys[event.key]();
});
// What was shown before a change is true of the form as it was sent: who chooses otherwise must look again.
document.addEventListener("change", (event) => {
  const chosen = event.target.form;
  if ("all" in event.target.dataset) for (const it of chosen.elements) if (it.name === "run") it.checked = event.target.checked;
  const act = chosen?.method === "get" && chosen.closest(".beside")?.querySelector("section form[method=post] .primary");
  if (!act) return;
  act.disabled = true;
  act.title = "You chose otherwise: look at what changes first";
});
// A form is sent once by a double click.
const sent = new WeakMap();
document.addEventListener("submit", (event) => {
  const question = event.target.dataset.ask;
  const form = event.target;
  const typed = form.method === "post" ? `${new URLSearchParams(new FormData(form, event.submitter))}` : null;
  if ((typed !== null && sent.get(form) === typed) || (question && !confirm(question))) event.preventDefault();
  else if (typed !== null) {
    sent.set(form, typed);
    setTimeout(() => sent.delete(form), 2000);
  }
});
listen();
follow();
for (const box of document.querySelectorAll("#wrap, #tall")) {
  const kept = localStorage.getItem(box.id);
  if (kept) box.checked = kept === "yes";
  // What is as high as the window is seen whole only from its top.
  const rise = () => { if (box.id === "tall" && box.checked && !location.hash) document.querySelector("#log")?.scrollIntoView(); };
  rise();
  box.addEventListener("change", rise);
  box.addEventListener("change", () => localStorage.setItem(box.id, box.checked ? "yes" : "no"));
}
