// The live page: newest bar of each symbol, and a chart of the chosen one, both fed by REST once and by the feed from then on.
"use strict";

const SYMBOLS_A_REQUEST = 100;
const TABLE_MINUTES = 60;
const CHART_MINUTES = 240;

const newest = new Map(); // symbol → its newest bar
const rows = new Map(); // symbol → its table row
let chosen = null;
let chart = null;
let charted = []; // the chart's bars, by time

const byId = (id) => document.getElementById(id);
const seconds = (bar) => Date.parse(bar.start) / 1000;
const asCandle = (bar) =>
  bar.withdrawn // a hole: whoever sent it took it back
    ? { time: seconds(bar), volume: null }
    : { time: seconds(bar), open: bar.open, high: bar.high, low: bar.low, close: bar.close, volume: bar.volume };

async function getAll(path, key) {
  const found = [];
  let after = null;
  do {
    const response = await fetch(after ? `${path}&after=${encodeURIComponent(after)}` : path, { headers: { Accept: "application/json" } });
    if (!response.ok) throw new Error((await response.json()).error.message);
    const page = await response.json();
    found.push(...page[key]);
    after = page.next;
  } while (after);
  return found;
}

const minutesAgo = (minutes) => new Date(Date.now() - minutes * 60_000).toISOString();

function takeBar(bar) {
  if (bar.type === "history" || bar.interval !== "1m") return;
  const before = newest.get(bar.symbol);
  if (!before || bar.start > before.start || (bar.start === before.start && bar.rev >= before.rev)) {
    newest.set(bar.symbol, bar);
    showRow(bar);
    if (!chosen) choose(bar.symbol);
  }
  if (bar.symbol === chosen) showCandle(bar);
}

function showRow(bar) {
  let row = rows.get(bar.symbol);
  if (!row) {
    row = addRow(bar.symbol);
  }
  const cells = row.children;
  cells[1].textContent = bar.start.slice(11, 16);
  cells[1].title = bar.start;
  cells[2].textContent = bar.close;
  const change = bar.open ? Math.round((bar.close / bar.open - 1) * 10_000) / 100 : 0;
  cells[3].textContent = `${change > 0 ? "+" : change < 0 ? "−" : ""}${Math.abs(change).toFixed(2)} %`;
  cells[3].dataset.direction = Math.sign(change);
  cells[4].textContent = bar.volume === null ? "unknown" : bar.volume.toLocaleString("en-US", { maximumFractionDigits: 4 });
  cells[5].textContent = bar.withdrawn ? "taken back" : (bar.provider ?? "several");
  row.classList.remove("fresh");
  void row.offsetWidth; // restarts the flash
  row.classList.add("fresh");
}

function addRow(symbol) {
  const row = document.createElement("tr");
  for (const kind of ["", "", "number", "number", "number", ""]) {
    row.appendChild(document.createElement("td")).className = kind;
  }
  const button = document.createElement("button");
  button.type = "button";
  button.textContent = symbol;
  button.addEventListener("click", () => choose(symbol));
  row.firstChild.appendChild(button);
  row.dataset.symbol = symbol;
  row.hidden = !symbol.startsWith(byId("filter").value.trim().toUpperCase());
  rows.set(symbol, row);
  const following = [...rows.keys()].filter((other) => other > symbol).sort()[0];
  byId("symbols").insertBefore(row, following ? rows.get(following) : null);
  byId("empty").hidden = true;
  return row;
}

async function choose(symbol) {
  chosen = symbol;
  for (const [name, row] of rows) row.toggleAttribute("aria-current", name === symbol);
  byId("chart-heading").textContent = `${symbol} · 1m`;
  byId("chart-note").textContent = "";
  charted = [];
  chart.show(charted);
  try {
    const bars = await getAll(`/bars?symbol=${encodeURIComponent(symbol)}&start=${minutesAgo(CHART_MINUTES)}&limit=1000`, "bars");
    if (chosen !== symbol) return;
    const live = charted;
    charted = bars.map(asCandle);
    chart.show(charted);
    live.forEach((candle) => putCandle(candle));
  } catch (error) {
    if (chosen === symbol) byId("chart-note").textContent = error.message;
  }
}

function showCandle(bar) {
  putCandle(asCandle(bar));
}

function putCandle(candle) {
  const last = charted.length ? charted[charted.length - 1].time : -Infinity;
  if (candle.time >= last) {
    if (candle.time === last) charted.pop();
    charted.push(candle);
    chart.update(candle);
    return;
  }
  // A correction or a late bar: the library only updates its newest bar, so all are set again.
  charted = [...charted.filter((other) => other.time !== candle.time), candle].sort((a, b) => a.time - b.time);
  chart.show(charted);
}

async function loadTable() {
  const instruments = await getAll("/instruments?limit=1000", "instruments");
  const minute = instruments.filter((one) => one.series.some((series) => series.interval === "1m" && series.is_active));
  const once = minute.filter((one) => minute.filter((other) => other.symbol === one.symbol).length === 1);
  for (let i = 0; i < Math.min(once.length, 5 * SYMBOLS_A_REQUEST); i += SYMBOLS_A_REQUEST) {
    const symbols = once.slice(i, i + SYMBOLS_A_REQUEST).map((one) => encodeURIComponent(one.symbol));
    const bars = await getAll(`/bars?symbol=${symbols.join(",")}&start=${minutesAgo(TABLE_MINUTES)}&limit=10000`, "bars");
    bars.forEach(takeBar);
  }
}

document.addEventListener("DOMContentLoaded", () => {
  const isDark = matchMedia("(prefers-color-scheme: dark)").matches;
  chart = makeChart(byId("chart"), { isDark, hasTime: true });
  byId("filter").addEventListener("input", (event) => {
    const prefix = event.target.value.trim().toUpperCase();
    for (const [symbol, row] of rows) row.hidden = !symbol.toUpperCase().startsWith(prefix);
  });
  const scheme = location.protocol === "https:" ? "wss" : "ws";
  const reload = () => loadTable().catch((error) => { byId("empty").hidden = false; byId("empty").textContent = error.message; });
  const feed = new Feed(`${scheme}://${location.host}/ws/feed`, ["bars.1m.*"], {
    messages: (messages) => messages.forEach(takeBar),
    state: (state, text) => { byId("status").dataset.state = state; byId("status").textContent = text; },
    position: (epoch, seq) => { byId("position").textContent = `Position ${seq.toLocaleString("en-US")} of epoch ${epoch}`; },
    hole: () => { if (chosen) { reload(); choose(chosen); } },
  });
  feed.connect();
  reload();
});
