// What the open page has cost: bytes as they were sent, requests, and how far things moved once they were drawn.
const sent = [...performance.getEntriesByType("navigation"), ...performance.getEntriesByType("resource").filter((it) => !["eventsource", "fetch"].includes(it.initiatorType))];
return {
  bytes: sent.reduce((sum, it) => sum + it.transferSize, 0),
  requests: sent.length,
  heaviest: sent.map((it) => `${new URL(it.name).pathname} ${it.transferSize}`).join(", "),
  shift: (window.shifts ?? []).reduce((sum, it) => sum + it.value, 0),
  shifted: (window.shifts ?? []).flatMap((it) => it.sources ?? []).slice(0, 5).map((it) => (it.node?.outerHTML ?? it.node?.textContent ?? "?").slice(0, 120)),
};
