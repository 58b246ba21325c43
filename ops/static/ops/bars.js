// The admin's bar browser: draws the bars that the page holds.
"use strict";

document.addEventListener("DOMContentLoaded", () => {
  const element = document.getElementById("chart");
  if (!element) return;
  const bars = JSON.parse(document.getElementById("candles").textContent);
  const isDark = document.documentElement.classList.contains("dark");
  makeChart(element, { isDark, hasTime: element.dataset.interval !== "1d" }).show(bars);
});
