// The admin's health history: H and its parts as lines, the breaker's phase as a band above, and the values under the cursor.
"use strict";

const PARTS = ["availability", "completeness", "freshness", "speed", "quota"];
const COLOURS = {
  light: { h: "#0f172a", availability: "#2563eb", completeness: "#9333ea", freshness: "#0891b2", speed: "#db2777", quota: "#78716c",
    closed: "#16a34a", half_open: "#d97706", open: "#dc2626", text: "#334155", line: "#e5e7eb" },
  dark: { h: "#f8fafc", availability: "#60a5fa", completeness: "#c084fc", freshness: "#22d3ee", speed: "#f472b6", quota: "#a8a29e",
    closed: "#22c55e", half_open: "#f59e0b", open: "#ef4444", text: "#cbd5e1", line: "#1f2937" },
};

// Every step of the span has a place on the axis, so that a pause looks as long as it was. The band has no colour where nothing
// was sampled for longer than `longest`.
function bandOf({ from, to, step, points }, colours, longest) {
  const phases = new Map(points.map((point) => [point.time, point.phase]));
  const found = [];
  let last = -Infinity;
  let phase = null;
  for (let time = from; time <= to; time += step) {
    if (phases.has(time)) {
      phase = phases.get(time);
      last = time;
    }
    found.push({ time, value: 1, color: time - last <= longest ? colours[phase] : "transparent" });
  }
  return found;
}

// A line chart connects what is on both sides of a hole, so each stretch without a hole is a line of its own.
function stretches(points, name, longest) {
  const found = [];
  let last = -Infinity;
  for (const point of points) {
    if (point[name] === null || point[name] === undefined) continue;
    if (point.time - last > longest) found.push([]);
    found[found.length - 1].push({ time: point.time, value: point[name] });
    last = point.time;
  }
  return found;
}

function showLegend(element, colours, point, when) {
  element.replaceChildren();
  const add = (text, colour) => {
    const item = element.appendChild(document.createElement("span"));
    if (colour) {
      const mark = item.appendChild(document.createElement("i"));
      mark.style.background = colour;
    }
    item.append(text);
  };
  const value = (name) => (point && typeof point[name] === "number" ? ` ${point[name].toFixed(2)}` : "");
  add(when);
  add(`H${value("h")}`, colours.h);
  PARTS.forEach((name) => add(`${name}${value(name)}`, colours[name]));
  ["closed", "half_open", "open"].forEach((phase) => {
    add(phase.replace("_", "-") + (point && point.phase === phase ? " now" : ""), colours[phase]);
  });
}

document.addEventListener("DOMContentLoaded", () => {
  const element = document.getElementById("chart");
  if (!element) return;
  const data = JSON.parse(document.getElementById("points").textContent);
  const colours = document.documentElement.classList.contains("dark") ? COLOURS.dark : COLOURS.light;
  const chart = LightweightCharts.createChart(element, {
    autoSize: true,
    layout: { background: { color: "transparent" }, textColor: colours.text, attributionLogo: true },
    grid: { vertLines: { color: colours.line }, horzLines: { color: colours.line } },
    rightPriceScale: { borderColor: colours.line, scaleMargins: { top: 0.1, bottom: 0.06 } },
    timeScale: { borderColor: colours.line, timeVisible: true, secondsVisible: data.step < 60, minBarSpacing: 0.05 },
    localization: { priceFormatter: (value) => value.toFixed(2) },
  });
  const longest = 6 * data.step;
  const band = chart.addSeries(LightweightCharts.LineSeries, {
    priceScaleId: "phase", lineWidth: 4, lastValueVisible: false, priceLineVisible: false, crosshairMarkerVisible: false,
  });
  chart.priceScale("phase").applyOptions({ scaleMargins: { top: 0.02, bottom: 0.96 }, visible: false });
  band.setData(bandOf(data, colours, longest));
  const range = () => ({ priceRange: { minValue: 0, maxValue: 1 } });
  for (const name of [...PARTS, "h"]) {
    for (const line of stretches(data.points, name, longest)) {
      const series = chart.addSeries(LightweightCharts.LineSeries, {
        color: colours[name], lineWidth: name === "h" ? 3 : 1, lastValueVisible: false, priceLineVisible: false,
        pointMarkersVisible: line.length === 1, autoscaleInfoProvider: range, crosshairMarkerVisible: name === "h",
      });
      series.setData(line);
    }
  }
  chart.timeScale().fitContent();
  const byTime = new Map(data.points.map((point) => [point.time, point]));
  const legend = document.getElementById("legend");
  const newest = data.points[data.points.length - 1];
  const show = (point) => showLegend(legend, colours, point, point ? `${new Date(point.time * 1000).toISOString().slice(0, 19).replace("T", " ")} UTC` : "");
  show(newest);
  chart.subscribeCrosshairMove((at) => show(byTime.get(at.time) ?? newest));
});
